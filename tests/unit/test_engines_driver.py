"""The driver in an environment whose pocket-tts and torch are stubs that tell what is done to them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pockettts.upstream import DRIVER

STUBS = {
    "torch.py": "def manual_seed(seed): print('seed', seed)\n",
    "pocket_tts/__init__.py": """
class TTSModel:
    @classmethod
    def load_model(cls, config):
        print("load", cls.__name__, config)
        return cls()

    def generate_audio_stream(self, text):
        print("speak", text, self.max_decoder_frames_per_call)
        yield from (1, 2)
""",
    "pocket_tts/main.py": """
import sys, threading, time
from pocket_tts import TTSModel

def late():
    time.sleep(0.4)
    print("late", flush=True)

def cli_app():
    print(sys.argv, any(path.endswith("engines") for path in sys.path))
    model = TTSModel.load_model(config="c.yaml")
    stream = model.generate_audio_stream("Hello.")
    print("not yet")
    print(list(stream))
    threading.Thread(target=late, daemon=True).start()
    if "fail" in sys.argv:
        raise ValueError("green")
    return 5
""",
    "pocket_tts-9.dist-info/METADATA": "Metadata-Version: 2.1\nName: pocket-tts\nVersion: 9\n",
    "pocket_tts-9.dist-info/entry_points.txt": "[console_scripts]\npocket-tts = pocket_tts.main:cli_app\n",
}


@pytest.fixture
def drive(tmp_path: Path):
    for name, text in STUBS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, DRIVER, *arguments],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "POCKETTTS_PARENT": str(os.getpid()), **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def test_the_real_entry_point_runs_with_a_seed_and_its_threads_are_awaited(drive) -> None:
    result = drive("42", "generate", "--x")
    assert result.stdout.splitlines() == [
        "['pocket-tts', 'generate', '--x'] False",
        "load TTSModel c.yaml",
        "not yet",
        "seed 42",
        "speak Hello. 1",
        "[1, 2]",
        "late",
    ]
    assert result.returncode == 5


def test_threads_are_awaited_after_a_failure_too(drive) -> None:
    result = drive("42", "fail")
    assert result.stdout.endswith("late\n")
    assert result.stderr.endswith("ValueError: green\n")
    assert result.returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's parent-death signal")
def test_nothing_is_spoken_for_a_parent_that_is_gone(drive) -> None:
    result = drive("42", "generate", POCKETTTS_PARENT="1")
    assert result.returncode == 1
    assert result.stdout == ""
