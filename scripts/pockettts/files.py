"""Small files that are either whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pockettts.errors import PocketTTSError


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the file `lock`, and hold it. In a read-only tree no lock is taken."""
    try:
        file = lock.open("a")
    except OSError:
        yield
        return
    with file:
        # Not every file system can lock.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # A process forked meanwhile has the file open as well, and would keep the lock.
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text in one step. Raises `OSError`."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any, *, keep_same: bool = False) -> None:
    """Write sorted, indented JSON in one step: the same value gives the same bytes.

    With `keep_same` a file that has these bytes already is left alone, date and all.
    """
    data = (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    if not (keep_same and path.is_file() and path.read_bytes() == data):
        write_bytes(path, data)


def read_json(path: Path, what: str = "the file", error: type[PocketTTSError] = PocketTTSError) -> Any:
    """Parse a JSON file; for a missing or broken one raises `error` with a sentence that calls it `what`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{what[0].upper()}{what[1:]} {path} does not exist.") from None
    except ValueError as problem:
        raise error(f"{what[0].upper()}{what[1:]} {path} is not valid JSON ({problem}).") from None
