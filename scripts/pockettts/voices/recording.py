"""Recordings that voices are made of: whether one is fit for a voice, and its entry in the voice manifest."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

from pockettts.errors import VoiceError
from pockettts.files import sha256_file

log = logging.getLogger(__name__)
MIN_SECONDS = 1.0
MAX_SECONDS = 600.0  # pocket-tts reads the whole file into memory
USED_SECONDS = 30.0  # and then cuts it to this
SILENCE = 1e-3


def check_recording(path: Path) -> float:
    """Return the seconds of a recording that is fit for a voice.

    WAV, FLAC, MP3 and whatever else libsndfile reads. Raises `VoiceError` for one that is unreadable, too short, too
    long or silent.
    """
    import numpy as np
    import soundfile

    try:
        with soundfile.SoundFile(path) as audio:
            seconds = len(audio) / audio.samplerate
            samples = audio.read(int(USED_SECONDS * audio.samplerate), dtype="float32", always_2d=True)
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
    return float(seconds)


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
