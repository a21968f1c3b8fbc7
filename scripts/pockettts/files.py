"""Files that are whole or absent, and never altered unseen: written in one step, sealed, held against their sha256."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pockettts.errors import DamagedFile, PocketTTSError

_SEAL = re.compile(rb'^ "seal": "([0-9a-f]{64})"', re.MULTILINE)
_OPEN = "0" * 64
_FICLONE = 0x40049409  # of Linux: ioctl_ficlone(2)

_LEFT_SECONDS = 3600.0
"""The age from which a temporary file counts as left by a writer that was killed."""


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


def temporary_path(path: Path, suffix: str = "") -> Path:
    """Return a hidden name beside `path` that no other process uses, here or on a different machine."""
    # By chance as well: process ids, and sometimes host names, repeat in containers.
    writer = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name[:100]}.{writer}{suffix}")


def remove_leftovers(path: Path) -> None:
    """Remove what writers of `path` that were killed long ago have left; younger names may be in use elsewhere."""
    for leftover in path.parent.glob(f".{glob.escape(path.name[:100])}.*"):
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _LEFT_SECONDS:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text in one step. Raises `OSError`."""
    write_bytes(path, text.encode())


def require_sha256(path: Path, sha256: str, what: str, *, published: bool = False) -> None:
    """Hold a file that a build made against the sha256 that its maker wrote down. Raises `DamagedFile`.

    A file that differs is deleted, so that the next build makes it again; but not a published one, into which its
    owner may have written.
    """
    if not path.is_file():
        raise DamagedFile(f"{what} {path} is gone. Run the same command again: it is made again.")
    if sha256_file(path) == sha256:
        return
    if published:
        raise DamagedFile(
            f"{what} {path} was altered after it was written: delete it, and the next build makes it again."
        )
    path.unlink()
    raise DamagedFile(
        f"{what} {path} was altered after it was written, and is deleted. Run the same command again: it is made again."
    )


def write_record(path: Path, record: Path) -> None:
    """Write down the sha256 of a published file, in a document of its own. Raises `OSError`."""
    write_json(record, {"sha256": sha256_file(path), "bytes": path.stat().st_size}, seal=True)


def require_record(path: Path, record: Path) -> str:
    """Hold a published file against what `write_record` wrote; returns its sha256. Raises `DamagedFile`."""
    sha256: str = read_json(record, "the record of a file", DamagedFile)["sha256"]
    require_sha256(path, sha256, "The file", published=True)
    return sha256


def copy_checked(source: Path, target: Path, sha256: str, what: str, *, published: bool = False) -> None:
    """Copy a file to a name of its own, in one step, and hold the copy against its sha256. Raises `DamagedFile`.

    Where the file system can, the copy shares its blocks until one of the two is written to, and never its inode: what
    a program does to the copy does not reach the source.
    """
    temporary = temporary_path(target)
    try:
        _reflink_or_copy(source, temporary)
        if sha256_file(temporary) != sha256:
            require_sha256(source, sha256, what, published=published)
            raise DamagedFile(f"{target} could not be written: the copy differs from {source}. Run again.")
        temporary.replace(target)
    except FileNotFoundError:
        require_sha256(source, sha256, what, published=published)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _reflink_or_copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        try:
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
        except OSError:
            shutil.copyfileobj(read, write, 1 << 20)
        write.flush()
        os.fsync(write.fileno())


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, in one step: a hard link where the file system has them, else a copy."""
    temporary = temporary_path(target)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


def untouched(path: Path, witness: Path) -> bool:
    """Whether a file was not changed after `witness` was written, by their change times. Raises `OSError`.

    No program can set a change time back, as it can a date of modification.
    """
    return path.stat().st_ctime_ns <= witness.stat().st_ctime_ns


def touch_witness(witness: Path) -> None:
    """Renew the change time of a witness, so that what was verified need not be read again; its date stays."""
    # In a read-only tree it is read again each time.
    with contextlib.suppress(OSError):
        status = witness.stat()
        os.utime(witness, ns=(status.st_atime_ns, status.st_mtime_ns))


def write_json(path: Path, value: Any, *, keep_same: bool = False, seal: bool = False) -> None:
    """Write sorted, indented JSON in one step: the same value gives the same bytes.

    With `keep_same` a file that has these bytes already is left alone, date and all. With `seal`, which needs an
    object, the file carries the sha256 of its own bytes (with zeros in the place of that), which `read_json` checks.
    """
    if seal:
        value = {**value, "seal": _OPEN}
    data = (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    if seal:
        data = _SEAL.sub(b' "seal": "%s"' % hashlib.sha256(data).hexdigest().encode(), data)
    if not (keep_same and path.is_file() and path.read_bytes() == data):
        write_bytes(path, data)


def parse_json(text: str | bytes, *, unique: bool = False) -> Any:
    """Return the value of a JSON text. Raises `ValueError`; with `unique` also where an object has a key twice."""

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for name, item in pairs:
            if name in value:
                raise ValueError(f"the key {name!r} occurs twice")
            value[name] = item
        return value

    try:
        return json.loads(text, object_pairs_hook=mapping if unique else None)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(
    path: Path, what: str = "the file", error: type[PocketTTSError] = PocketTTSError, *, unique: bool = False
) -> Any:
    """Parse a JSON file, without its seal if it has one; `unique`: a person wrote it, who may repeat a key.

    Raises `error`, with a sentence that calls the file `what`, if it is missing, not JSON, or breaks its seal.
    """
    name = f"{what[0].upper()}{what[1:]} {path}"
    try:
        data = path.read_bytes()
        value = parse_json(data, unique=unique)
    except FileNotFoundError:
        raise error(f"{name} does not exist.") from None
    except OSError as problem:
        raise error(f"{name} cannot be read: {problem.strerror}.") from None
    except ValueError as problem:
        raise error(f"{name} is not valid JSON ({problem}).") from None
    if not _unbroken(data):
        raise error(f"{name} was altered after it was written: delete it, and the next build makes it again.")
    if isinstance(value, dict):
        value.pop("seal", None)
    return value


def _unbroken(data: bytes) -> bool:
    """Whether the bytes of a JSON file are those that were sealed; true of a file without a seal."""
    match = _SEAL.search(data)
    if match is None:
        return True
    unsealed = data[: match.start(1)] + _OPEN.encode() + data[match.end(1) :]
    return hashlib.sha256(unsealed).hexdigest().encode() == match[1]


def is_damaged(path: Path) -> bool:
    """Whether a JSON file exists and cannot be read, or breaks its seal."""
    try:
        read_json(path)
    except PocketTTSError:
        return path.exists()
    return False
