"""What takes long to make and is only read: made by the first test that needs it, for all workers of a run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

FOLDER = "SHARED_BY_TESTS"
"""The variable that names the folder of a run, set by tests/conftest.py. What begins with POCKETTTS_ is a setting."""


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name` that `make` has filled; other workers wait for that. No test may change it.

    If `make` fails, it fails for every test of the run, and is not tried again: it takes long.
    """
    folder = Path(os.environ[FOLDER]) / name
    done, failed = folder.with_suffix(".done"), folder.with_suffix(".failed")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failed.exists():
            raise AssertionError(f"{name} could not be made: {failed.read_text()}")
        if not done.exists():
            folder.mkdir()
            try:
                make(folder)
            except BaseException as error:
                failed.write_text(repr(error))
                raise
            done.touch()
    return folder
