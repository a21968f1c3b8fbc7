"""Recordings that voices are made of: whether one is fit for a voice, and its entry in the voice manifest."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pockettts.errors import VoiceError
from pockettts.files import sha256_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
MIN_SECONDS = 1.0
MAX_SECONDS = 600.0  # pocket-tts reads the whole file into memory
USED_SECONDS = 30.0  # and then cuts it to this
SILENCE = 1e-3
# From here on a listener hears it in every take: the voice is as loud, as noisy and as distorted as its recording.
SHORT_SECONDS = 5.0
LOUD_DBFS = -14.0  # a voice made of a recording at -12 dBFS clipped 0.4 % of its samples
QUIET_DBFS = -36.0
CLIPPED_SHARE = 1e-4
NOISE_DISTANCE_DB = 30.0
REVERBERATION_SECONDS = 0.6
_WINDOW_SECONDS = 0.02
# Where speech stops, a dry recording falls by 20 dB in less than 0.1 s; a room takes a third of its reverberation time.
_FALL_DB = 20.0
_LONGEST_FALL = 25  # windows
_LEAST_FALLS = 5
_FASTEST_FALLS = 0.1


@dataclass(frozen=True, slots=True)
class RecordingQuality:
    """What the first 30 s of a recording are like, as the voice will be.

    `level_dbfs` is the RMS of its speech, `noise_db` how far the quietest 5 % are below that, `clipped` the share of
    samples at the largest value, if several of them follow each other. `reverberation` is about how many seconds the
    room takes to fall by 60 dB, by the fastest falls there are; None if there are too few, or the noise hides them.
    """

    seconds: float
    level_dbfs: float
    noise_db: float
    clipped: float
    reverberation: float | None = None

    def warnings(self) -> list[str]:
        """Return what will be heard in every take of this voice, and what to do about it; a sentence each."""
        sentences = []
        if self.seconds < SHORT_SECONDS:
            sentences.append(f"It is {self.seconds:.1f} s long: the voice will be like the speaker's with 10 to 30 s.")
        if self.clipped > CLIPPED_SHARE:
            sentences.append(f"{self.clipped:.2%} of it is clipped, and its takes will be distorted: record it again.")
        if self.level_dbfs > LOUD_DBFS:
            sentences.append(
                f"Its speech is at {self.level_dbfs:.0f} dBFS, so that takes will be clipped: make it "
                f"{self.level_dbfs + 20:.0f} dB quieter."
            )
        if self.level_dbfs < QUIET_DBFS:
            sentences.append(
                f"Its speech is at {self.level_dbfs:.0f} dBFS, and takes will be as quiet: make it "
                f"{-20 - self.level_dbfs:.0f} dB louder."
            )
        if self.noise_db < NOISE_DISTANCE_DB:
            sentences.append(
                f"Its noise is only {self.noise_db:.0f} dB below its speech, and will be heard in every pause: record "
                "it in a quiet, dry room, or clean it."
            )
        if self.reverberation is not None and self.reverberation > REVERBERATION_SECONDS:
            sentences.append(
                f"Its room takes about {self.reverberation:.1f} s to fall silent, and will be heard in every take: "
                "record it near the microphone, in a room with curtains and carpets."
            )
        return sentences


def _quality(seconds: float, samples: NDArray[np.float32], rate: int) -> RecordingQuality:
    """Measure samples of shape (n, channels)."""
    import numpy as np

    mono = samples.mean(axis=1).astype(np.float64)
    window = max(1, round(_WINDOW_SECONDS * rate))
    count = len(mono) // window
    powers = np.square(mono[: count * window]).reshape(count, window).mean(axis=1)
    speech = powers[powers > powers.max() * 1e-3].mean()
    noise = max(float(np.quantile(powers, 0.05)), 1e-12)
    top = np.abs(samples) >= np.abs(samples).max() * 0.9999
    flat = top[:-1] & top[1:]
    return RecordingQuality(
        seconds=round(seconds, 2),
        level_dbfs=round(10 * float(np.log10(speech)), 1),
        noise_db=round(10 * float(np.log10(speech / noise)), 1),
        clipped=round(float(flat.mean()), 6),
        reverberation=_reverberation(powers, speech, noise),
    )


def _reverberation(powers: NDArray[np.float64], speech: float, noise: float) -> float | None:
    """Estimate the reverberation time in seconds from the powers of windows, and those of speech and noise."""
    import numpy as np

    levels = 10 * np.log10(np.maximum(powers, 1e-12))
    loud = np.flatnonzero(levels > 10 * np.log10(speech) - _FALL_DB / 4)
    falls = []
    for start in loud[levels[loud] - _FALL_DB > 10 * np.log10(noise) + 6]:
        after = levels[start : start + _LONGEST_FALL]
        below = np.flatnonzero(after <= levels[start] - _FALL_DB)
        if len(below) and after[: below[0]].max() <= levels[start]:
            falls.append(int(below[0]))
    if len(falls) < _LEAST_FALLS:
        return None
    return round(float(np.quantile(falls, _FASTEST_FALLS)) * _WINDOW_SECONDS * 60 / _FALL_DB, 2)


def check_recording(path: Path, *, warn: bool = True) -> RecordingQuality:
    """Measure a recording that is fit for a voice, and log what will be heard of it in every take.

    WAV, FLAC, MP3 and whatever else libsndfile reads. Raises `VoiceError` for one that is unreadable, too short, too
    long or silent.
    """
    import numpy as np
    import soundfile

    try:
        with soundfile.SoundFile(path) as audio:
            seconds = len(audio) / audio.samplerate
            rate = audio.samplerate
            samples = audio.read(int(USED_SECONDS * rate), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise VoiceError(
            f"The recording {path} cannot be read ({str(error).rstrip('.')}). It must be WAV, FLAC or MP3."
        ) from None
    if seconds < MIN_SECONDS:
        raise VoiceError(
            f"The recording {path} is {seconds:.2f} s long; a voice needs at least {MIN_SECONDS:g} s, better 10 to 30."
        )
    if seconds > MAX_SECONDS:
        raise VoiceError(f"The recording {path} is {seconds / 60:.0f} minutes long; cut out the best 10 to 30 seconds.")
    if not np.isfinite(samples).all():
        raise VoiceError(f"The recording {path} holds samples that are not numbers.")
    if float(np.abs(samples).max()) < SILENCE:
        raise VoiceError(f"The recording {path} is silent in its first {USED_SECONDS:g} s, the only part that is used.")
    if seconds > USED_SECONDS:
        log.warning("Of %s, which is %.0f s long, the first %g s are used.", path, seconds, USED_SECONDS)
    quality = _quality(seconds, samples, rate)
    if warn:
        for sentence in quality.warnings():
            log.warning("The recording %s: %s", path, sentence)
    return quality


def manifest_entry(
    path: Path, folder: Path, *, licence: str = "all rights reserved", attribution: str = "", right: str = ""
) -> dict[str, Any]:
    """Return the entry of voices/manifest.json for a recording; `folder` is that of the manifest.

    Only a person can declare that a licence permits commercial use, so the entry starts with false. Raises
    `VoiceError` for a recording that is not fit for a voice.
    """
    check_recording(path)
    return {
        "source": {"type": "audio", "path": os.path.relpath(path, folder), "sha256": sha256_file(path)},
        "licence": licence,
        "commercial": False,
        "attribution": attribution,
        "right": right,
    }


def id_of(path: Path) -> str:
    """Return an id for the voice of a recording, from its file name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-") or "mine"
