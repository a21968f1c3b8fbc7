"""Standard streams that are closed, full or without a reader, for `errors.run_main`."""

import os
import sys

INPUT, OUTPUT, MESSAGES = range(3)


def open_closed_streams() -> None:
    """Open each standard stream that was closed at the start, before a file of the program takes its number.

    Input is then empty and messages go nowhere. Output fails when it is written, since what was asked for is lost.
    """
    for number, mode in ((INPUT, os.O_RDONLY), (OUTPUT, os.O_RDONLY), (MESSAGES, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            os.dup2(opened, number)
            if opened != number:
                os.close(opened)
            os.set_inheritable(number, True)
    # The interpreter has None in the place of a closed stream, and print() to None goes to standard output.
    sys.stdin = sys.stdin or os.fdopen(INPUT, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(OUTPUT, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(MESSAGES, "w", encoding="utf-8", closefd=False)


def flush_output() -> None:
    """Write what is left of standard output. Raises `OSError`, which names it."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def drop_output() -> None:
    """Send what is left of standard output nowhere: the interpreter would try to write it again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, OUTPUT)
    os.close(nowhere)
