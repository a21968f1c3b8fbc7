"""Where takes are kept: the audio by its content key, and beside it a sidecar that describes it."""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pockettts import files
from pockettts.audio.wav import read_wav, write_wav
from pockettts.errors import AudioError, PocketTTSError
from pockettts.takes.acceptance import Quality, Transcript
from pockettts.takes.recipe import FORMAT
from pockettts.values import Int16

log = logging.getLogger(__name__)

_RENAMES = 10
_READS = 3
"""Readings of a take before it counts as damaged: one may meet the moment in which it is replaced."""


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

    @property
    def choice(self) -> tuple[object, ...]:
        """Which attempt was chosen: what two makers with the same settings have in common on any processor."""
        return self.attempt, self.seed, self.accepted, self.quality.measure, [attempt.seed for attempt in self.refused]

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
    """Takes by key: the folder `root/ab/cd/abcd…/` of a take holds its audio and a sidecar .json.

    Processes and machines may share a store, also where the file system cannot lock: the folder of a take is written
    under a name of its own and then renamed, so a reader sees it whole or not at all. Of two writers of one take the
    first wins.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Return where the audio of a take is, or would be."""
        return self.root / key[:2] / key[2:4] / key / f"{key}.wav"

    def get(self, key: str) -> Take | None:
        """Return a take whose audio is as its sidecar describes it, else None.

        A damaged take is moved to the folder `damaged` beside the store, with a warning.
        """
        folder = self.path(key).parent
        for _ in range(_READS):
            if not folder.exists() and not self._adopt(key):
                return None
            take = self._read(key)
            if take is not None:
                return take
        self._move_aside(folder)
        return None

    def _read(self, key: str) -> Take | None:
        """Return a take; None if its files do not fit together, or if it is replaced meanwhile."""
        audio = self.path(key)
        try:
            take = Take.from_dict(files.read_json(audio.with_suffix(".json")))
            whole = take.format == FORMAT and take.key == key and files.sha256_file(audio) == take.sha256
        except (PocketTTSError, OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return take if whole else None

    def _adopt(self, key: str) -> bool:
        """Move a take that an earlier version stored as `root/ab/abcd….wav`; returns whether it did."""
        audio, folder = self.root / key[:2] / f"{key}.wav", self.path(key).parent
        if not audio.is_file():
            return False
        part = files.temporary_path(folder)
        try:
            part.mkdir(parents=True)
            for path in (audio, audio.with_suffix(".json")):
                path.rename(part / path.name)
            part.rename(folder)
        except OSError:
            return False
        return True

    def _move_aside(self, folder: Path) -> None:
        damaged = self.root.parent / "damaged"
        log.warning("The take %s is damaged; it is moved to %s and made again.", folder.name, damaged)
        # A read-only store keeps it, and writing the new take then fails with the reason.
        with contextlib.suppress(OSError):
            damaged.mkdir(parents=True, exist_ok=True)
            folder.rename(damaged / f"{folder.name}.{time.time_ns()}")

    def put(self, samples: Int16, take: Take) -> Take:
        """Store a take under its key; returns it with the sha256 and size of the file.

        If a different process has stored the same attempt meanwhile, that one stays and is returned: its bytes may
        differ on a different processor, and a receipt may name them already. A different attempt is replaced. Raises
        `AudioError` when it cannot be written; then the store is as before.
        """
        audio = self.path(take.key)
        part = files.temporary_path(audio.parent)
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            files.remove_leftovers(audio.parent)
            part.mkdir()
            write_wav(part / audio.name, samples)
            stored = replace(
                take, sha256=files.sha256_file(part / audio.name), bytes=(part / audio.name).stat().st_size
            )
            files.write_json(part / audio.with_suffix(".json").name, asdict(stored), seal=True)
            return self._publish(part, stored)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "the disk is full; free some space and start again" if full else error.strerror or str(error)
            raise AudioError(
                f"The take {audio} cannot be written: {reason}. Finished takes stay in the store."
            ) from None
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _publish(self, part: Path, take: Take) -> Take:
        """Give a written folder the name of its take, unless that exists; returns the take that counts."""
        folder = self.path(take.key).parent
        for _ in range(_RENAMES):
            try:
                part.rename(folder)
                return take
            except OSError as error:
                # NFS may answer ENOENT to a rename that it has made, because it was asked twice.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                    raise
            existing = self.get(take.key)
            if existing is not None and existing.choice == take.choice:
                return existing
            if not part.exists():
                raise FileNotFoundError(errno.ENOENT, "its folder was removed while it was written")
            # A damaged one is gone already.
            with contextlib.suppress(FileNotFoundError):
                replaced = files.temporary_path(folder)
                folder.rename(replaced)
                shutil.rmtree(replaced, ignore_errors=True)
        raise OSError(errno.EBUSY, "other programs keep replacing it")

    def note(self, take: Take) -> None:
        """Rewrite the sidecar of a take in the store; its audio stays as it is."""
        # The receipt has the same facts: a read-only store is no reason to stop.
        sidecar = self.path(take.key).with_suffix(".json")
        with contextlib.suppress(OSError):
            # Without it the take is being replaced, and its folder must not come back half.
            if sidecar.exists():
                files.write_json(sidecar, asdict(take), seal=True)

    def load(self, take: Take) -> Int16:
        """Return the samples of a take, shape (n,). Raises `AudioError`."""
        return read_wav(self.path(take.key))
