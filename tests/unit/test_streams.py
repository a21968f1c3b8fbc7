"""Standard streams that are closed or full when a program starts: a sentence where something is lost, no traceback."""

import subprocess
import sys

import pytest

from support import BIN, ROOT

COMMAND = f"{BIN}/pockettts"
SCRIPT = f"{sys.executable} {ROOT}/scripts/measure_book.py /nowhere.wav --mastering /nowhere.json --out /nowhere"


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (f"{COMMAND} --version <&-", 0, ""),
        (f"{COMMAND} text chunk <&-", 2, "The text is empty"),
        (f"{COMMAND} --version >&-", 1, "standard output"),
        (f"{COMMAND} config show >/dev/full", 1, "No space left"),
        (f"{COMMAND} voices show nobody <&- >&-", 2, "nobody"),
    ],
)
def test_a_closed_stream_is_a_sentence_or_nothing(command: str, code: int, words: str) -> None:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_messages_do_not_go_to_the_output_where_standard_error_is_closed() -> None:
    done = subprocess.run(["sh", "-c", f"{SCRIPT} <&- 2>&-"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_file_does_not_take_the_place_of_a_closed_stream() -> None:
    program = (
        "import os\n"
        "from pockettts.errors import run_main\n"
        "def main():\n"
        "    with open(os.devnull) as file:\n"
        "        assert file.fileno() > 2\n"
        "    os.write(2, b'to standard error')\n"
        "run_main(main)"
    )
    done = subprocess.run(["sh", "-c", f'{sys.executable} -c "{program}" <&- >&- 2>&-'], check=False)
    assert done.returncode == 0
