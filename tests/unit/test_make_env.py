"""The installer of the environment: which Python it takes, what it leaves behind, and what it prints when it fails."""

import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from support import ROOT

SCRIPT = ROOT / "scripts" / "make_env.py"
# A build backend without dependencies: pip makes an editable install with it where there is no setuptools.
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/book-1-py3-none-any.whl", "w") as file:
        file.writestr("book-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: book\\nVersion: 1\\n")
        file.writestr("book-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr("book-1.dist-info/entry_points.txt", "[console_scripts]\\nspeak = torch:main\\n")
        file.writestr("book-1.dist-info/RECORD", "")
    return "book-1-py3-none-any.whl"
"""


@pytest.fixture(scope="module")
def make_env() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_env", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wheel(folder: Path, name: str, version: str, source: str) -> str:
    """Write a wheel of one module and return its line in a lock."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    facts = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", source)
        file.writestr(f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{facts}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with locks of tiny packages that lie on disk, in a folder with a name that scripts find hard."""
    folder = tmp_path / "mein Büch"
    folder.mkdir()
    torch = "def main():\n    import sys\n    print(sys.prefix)\n"
    (folder / "requirements-torch.lock").write_text(wheel(tmp_path / "wheels", "torch", "2.13.0+cpu", torch))
    (folder / "requirements.lock").write_text(wheel(tmp_path / "wheels", "words", "1.0", "WORDS = 1\n"))
    (folder / "requirements-test.lock").write_text(wheel(tmp_path / "wheels", "checks", "1.0", "CHECKS = 1\n"))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(BACKEND)
    return folder


def variables(project: Path, **changes: str) -> dict[str, str]:
    """Return the environment of an installer that finds packages in the project's wheels only."""
    folder = Path(sys.executable).parent
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != folder)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project.parent / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    return {**os.environ, "PATH": path, **offline, **changes}


def start(project: Path, what: str = "run", *options: str, **changes: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), what, "--python", sys.executable, *options]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=project, env=variables(project, **changes), umask=0o077, **output)  # type: ignore[call-overload]


def test_two_at_once_make_one_environment_which_works_in_its_place(project: Path) -> None:
    first, second = start(project), start(project)
    outputs = [process.communicate()[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert sorted(("making .venv" in output, "waiting" in output) for output in outputs) == [
        (False, True),
        (True, False),
    ]
    answer = subprocess.run([project / ".venv/bin/speak"], capture_output=True, text=True, check=True).stdout
    assert answer.strip() == str(project / ".venv")
    assert [path.name for path in project.glob(".venv*")] == [".venv"]
    for path in (project / ".venv/bin").iterdir():
        assert b".venv.new" not in path.read_bytes()
    assert stat.S_IMODE((project / ".venv").stat().st_mode) == 0o700
    # The tests' packages are added in place, and a second call does nothing.
    for expected in ("adding what the tests need", ""):
        more = start(project, "test")
        output = more.communicate()[0]
        assert more.returncode == 0
        assert expected in output
        assert bool(output) == bool(expected)
    python = project / ".venv/bin/python"
    assert subprocess.run([python, "-c", "import words, checks, torch"], check=False).returncode == 0


@pytest.mark.slow
def test_an_interrupted_environment_leaves_nothing_and_a_half_made_one_is_replaced(project: Path) -> None:
    # As `python -m venv` leaves it when Debian's python3-venv is missing, or when it is interrupted.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    process = start(project)
    while not (project / ".venv.new").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output = process.communicate()[0]
    assert process.returncode == 130
    assert "run make again" in output
    assert "Traceback" not in output
    assert not (project / ".venv.new").exists()
    again = start(project)
    output = again.communicate()[0]
    assert again.returncode == 0, output
    assert (project / ".venv/bin/pip").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("torch", 4, ["CPU build of torch", "TORCH_INDEX"]),
        ("words", 3, ["does not have a package of the lock"]),
        ("hash", 3, ["differs from its sha256"]),
    ],
)
def test_a_failed_environment_is_one_sentence_and_leaves_nothing(
    project: Path, fault: str, code: int, words: list[str]
) -> None:
    if fault == "hash":
        lock = project / "requirements-torch.lock"
        lock.write_text(lock.read_text()[:-65] + "0" * 64 + "\n")
    else:
        next((project.parent / "wheels").glob(f"{fault}-*")).unlink()
    process = start(project)
    output = process.communicate()[0]
    assert process.returncode == code, output
    assert all(word in output for word in words), output
    assert "Traceback" not in output
    assert [path.name for path in project.glob(".venv*")] == [".venv.log"]


def fake_python(folder: Path, name: str, answer: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{answer}\n")
    (folder / name).chmod(0o755)


def test_the_newest_supported_python_that_runs_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_env: ModuleType
) -> None:
    fake_python(tmp_path / "shims", "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    fake_python(tmp_path / "a", "python3.13", "echo 3 13; exit 1")
    fake_python(tmp_path / "a", "python3.12", "echo 3 12; echo venv")
    fake_python(tmp_path / "a", "python3", "echo 3 14; echo venv")
    fake_python(tmp_path / "b", "python3.13", "echo 3 13; echo venv")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("shims", "a", "b")))
    pythons = make_env.find_pythons("")
    chosen = [python.program for python in make_env.choose_pythons("", pythons, False)]
    assert chosen == [str(tmp_path / "b/python3.13"), str(tmp_path / "a/python3.12")]


@pytest.mark.parametrize(
    ("versions", "named", "with_uv", "words"),
    [
        ([], "", False, ["here is none", "make PYTHON="]),
        ([(3, 9)], "", False, ["3.11, 3.12 or 3.13", "3.9"]),
        ([(3, 14)], "", True, ["3.14", "immutables"]),
        ([(3, 10)], "/opt/python3.10", False, ["/opt/python3.10 is Python 3.10"]),
        ([(3, 13, False)], "", False, ["python3.13-venv", "uv"]),
    ],
)
def test_a_python_that_will_not_do_is_one_sentence(
    make_env: ModuleType, versions: list, named: str, with_uv: bool, words: list[str]
) -> None:
    pythons = [make_env.Python(version[:2], "/usr/bin/python3", version[2:] != (False,)) for version in versions]
    with pytest.raises(make_env.SetupError) as refused:
        make_env.choose_pythons(named, pythons, with_uv)
    assert all(word in str(refused.value) for word in words), str(refused.value)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("error: failed to write: No space left on device (os error 28)", "disk is full"),
        ("Failed to establish a new connection: [Errno -2] Name or service not known", "no connection"),
        ("ReadTimeoutError: HTTPSConnectionPool(host='pypi.org', port=443): Read timed out.", "no connection"),
        ("error sending request for url (https://pypi.org/simple/) dns error", "no connection"),
        ("ProxyError('Cannot connect to proxy.', ConnectionRefusedError(111, 'refused'))", "proxy http://127.0.0.1:9 "),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "certificate"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "sha256"),
        ("ERROR: No matching distribution found for words==1.0", "does not have a package"),
        ("something new", "Installing failed"),
    ],
)
def test_what_pip_prints_becomes_a_sentence(
    monkeypatch: pytest.MonkeyPatch, make_env: ModuleType, output: str, words: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:9")
    assert words in make_env.explain(output)
    assert "secret" not in make_env.explain(output)


def test_too_little_disk_is_seen_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_env: ModuleType
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1.2e9))
    with pytest.raises(make_env.SetupError, match=r"1\.2 GB of free disk"):
        make_env.check_disk(tmp_path)


def test_packages_are_compiled_where_python_may_not_do_it_later(make_env: ModuleType, tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "lib").mkdir()
    (venv / "lib" / "package.py").write_text("ANSWER = 42\n")
    (venv / "lib" / "for_python_2.py").write_text("print 42\n")
    make_env.compile_all(make_env.Settings(venv, "", "", ""))
    assert [path.name.split(".")[0] for path in (venv / "lib").rglob("*.pyc")] == ["package"]
