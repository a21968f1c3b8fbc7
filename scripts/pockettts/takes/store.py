"""Where takes are kept: the audio by its content key, and beside it a sidecar that describes it."""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pockettts import files
from pockettts.audio.wav import decode_wav, write_wav
from pockettts.errors import AudioError, PocketTTSError
from pockettts.takes.acceptance import Quality, Transcript
from pockettts.takes.recipe import FORMAT
from pockettts.values import Int16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RejectedAttempt:
    """An attempt that was not good enough; `quality` is None without audio, `heard` where no check by ear was made."""

    seed: int
    reasons: tuple[str, ...]
    quality: Quality | None = None
    heard: Transcript | None = None


@dataclass(frozen=True)
class Take:
    """The content of a take's sidecar. Attempts count from 0; `refused` are those before `attempt`.

    `heard` is None where no check by ear was made.
    """

    key: str
    text: str
    sha256: str
    bytes: int
    samples: int
    engine: str
    seeded: bool
    seed: int
    attempt: int
    quality: Quality
    reasons: tuple[str, ...] = ()
    refused: tuple[RejectedAttempt, ...] = ()
    heard: Transcript | None = None
    seconds: float = 0.0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def accepted(self) -> bool:
        """Whether the checks had nothing against it."""
        return not self.reasons

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Take:
        """Read a sidecar's content. Raises `TypeError` or `KeyError` for anything else."""
        return cls(
            **{
                **values,
                "quality": Quality(**values["quality"]),
                "reasons": tuple(values["reasons"]),
                "refused": tuple(_rejected_attempt(row) for row in values["refused"]),
                "heard": _transcript(values),
            }
        )

    def summary(self) -> dict[str, Any]:
        """Return the take's row in a receipt: nothing that differs between two runs of the same build."""
        return {
            "sha256": self.sha256,
            "bytes": self.bytes,
            "samples": self.samples,
            "seed": self.seed,
            "attempt": self.attempt,
            "accepted": self.accepted,
            "reasons": list(self.reasons),
            "refused": [list(attempt.reasons) for attempt in self.refused],
            "heard": asdict(self.heard) if self.heard else None,
        }


def _rejected_attempt(row: Mapping[str, Any]) -> RejectedAttempt:
    quality = Quality(**row["quality"]) if row["quality"] else None
    return RejectedAttempt(row["seed"], tuple(row["reasons"]), quality, _transcript(row))


def _transcript(values: Mapping[str, Any]) -> Transcript | None:
    """Return the transcript of a sidecar's mapping; the oldest sidecars have no such field."""
    return Transcript(**values["heard"]) if values.get("heard") else None


class TakeStore:
    """Takes by key: `root/ab/abcdef….wav` with a sidecar .json. Several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Return where the audio of a take is, or would be."""
        return self.root / key[:2] / f"{key}.wav"

    def get(self, key: str) -> Take | None:
        """Return a take whose audio is as its sidecar describes it, else None.

        A damaged take is moved to the folder `damaged` beside the store, with a warning.
        """
        audio = self.path(key)
        sidecar = audio.with_suffix(".json")
        if not audio.exists() and not sidecar.exists():
            return None
        with self._locked(key):
            try:
                take = Take.from_dict(files.read_json(sidecar))
                if take.format == FORMAT and take.key == key and files.sha256_file(audio) == take.sha256:
                    return take
            except (PocketTTSError, OSError, ValueError, TypeError, KeyError, AttributeError):
                pass
            self._move_aside(audio, sidecar)
        return None

    def _move_aside(self, *paths: Path) -> None:
        folder = self.root.parent / "damaged"
        log.warning("The take %s is damaged; it is moved to %s and made again.", paths[0].stem, folder)
        # A read-only store keeps it, and writing the new take then fails with the reason.
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            mark = time.time_ns()
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    path.replace(folder / f"{path.stem}.{mark}{path.suffix}")

    def _locked(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Keep a reader from mistaking audio without its sidecar yet for damage, and two writers from mixing."""
        return files.exclusive(self.root / key[:2] / ".lock")

    def put(self, samples: Int16, take: Take) -> Take:
        """Store a take under its key, audio first; returns it with the sha256 and size of the file.

        Raises `AudioError` when it cannot be written; then nothing half-written has the take's name.
        """
        audio = self.path(take.key)
        try:
            audio.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(take.key):
                for leftover in audio.parent.glob(f".{take.key}.*"):
                    leftover.unlink(missing_ok=True)
                write_wav(audio, samples)
                stored = replace(take, sha256=files.sha256_file(audio), bytes=audio.stat().st_size)
                files.write_json(audio.with_suffix(".json"), asdict(stored), seal=True)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "the disk is full; free some space and start again" if full else error.strerror or str(error)
            raise AudioError(
                f"The take {audio} cannot be written: {reason}. Finished takes stay in the store."
            ) from None
        return stored

    def note(self, take: Take) -> None:
        """Rewrite the sidecar of a take in the store; its audio stays as it is."""
        # The receipt has the same facts: a read-only store is no reason to stop.
        with contextlib.suppress(OSError), self._locked(take.key):
            files.write_json(self.path(take.key).with_suffix(".json"), asdict(take), seal=True)

    def intact(self, key: str, sha256: str, size: int) -> bool:
        """Check quickly whether the audio of a take still is what a receipt describes.

        The sidecar is written after the audio. Audio of the right size that was not touched since is trusted; any other
        is read, and if it is right, the sidecar is renewed.
        """
        audio = self.path(key)
        sidecar = audio.with_suffix(".json")
        try:
            if audio.stat().st_size != size:
                return False
            if files.untouched(audio, sidecar):
                return True
            if files.sha256_file(audio) != sha256:
                return False
        except OSError:
            return False
        files.touch_witness(sidecar)
        return True

    def set_aside_damaged(self, sha256_of: Mapping[str, str]) -> int:
        """Read takes by key, and move those that differ from their sha256 to the folder `damaged`; returns how many.

        The next build finds them missing, and makes them again.
        """
        count = 0
        for key, sha256 in sha256_of.items():
            audio = self.path(key)
            with self._locked(key):
                if not audio.exists() or files.sha256_file(audio) != sha256:
                    self._move_aside(audio, audio.with_suffix(".json"))
                    count += 1
        return count

    def load(self, take: Take) -> Int16:
        """Return the samples of a take, shape (n,). Raises `AudioError`."""
        path = self.path(take.key)
        return decode_wav(path.read_bytes(), str(path))
