"""Make the environment .venv from the locks: `make env`, `make test-env`, `make cluster-env`.

    python3 scripts/make_env.py WHAT [--venv .venv] [--python python3.13] [--torch-index URL] [--torch REQUIREMENT]

It runs in any Python 3.8 and newer, with the standard library alone, and makes the environment with the newest
supported Python for which the CPU build of torch can be had. A new environment is made as .venv.new and renamed when it
is complete: an interrupted one leaves nothing behind. Every failure is one sentence; what pip and uv printed is in
.venv.log.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SUPPORTED = ((3, 13), (3, 12), (3, 11))
RANGE = "3.11, 3.12 or 3.13"
INPUTS = {
    "run": ("pyproject.toml", "requirements.lock", "requirements-torch.lock"),
    "test": ("requirements-test.lock",),
    "cluster": ("requirements-cluster.lock",),
    "cluster-test": ("requirements-cluster-test.lock",),
}
AIMS = {
    "run": "a build needs",
    "test": "the tests need",
    "cluster": "clusters need",
    "cluster-test": "the tests of clusters need",
}
PARTS = {
    "run": ("run",),
    "test": ("run", "test"),
    "cluster": ("run", "cluster"),
    "cluster-test": ("run", "test", "cluster-test"),
}
"""What is installed for each aim, in order."""
GIGABYTES = 3.0
"""Free disk for a new environment: it takes 1.6 GB, and its downloads lie beside it for a while."""
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
ABSENT = "No matching distribution|Could not find a version|ResolutionImpossible"
"""What pip prints for a package that no index has; the last one where a user's constraints name it, too."""
NO_TORCH = 4
"""Exit code where everything is there but the CPU build of torch; 3 for any other fault, as in `pockettts`."""


class SetupError(Exception):
    """A sentence for the user, and the exit code."""

    def __init__(self, message: str, code: int = 3) -> None:
        super().__init__(message)
        self.code = code


class StepFailed(Exception):
    """A command failed; `output` is what it printed."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


# --- Pythons --------------------------------------------------------------------------------------------------------


class Python(NamedTuple):
    """An interpreter: its version, and whether it can make an environment that has pip."""

    version: tuple[int, int]
    program: str
    has_venv: bool

    @property
    def name(self) -> str:
        """Return the name with the version."""
        return "Python {}.{}".format(*self.version)


def inspect_python(program: str) -> Python | None:
    """Return the facts of an interpreter, or None if it does not run: pyenv has shims without a Python behind them."""
    question = "import sys; print(*sys.version_info[:2]); import ensurepip, venv; print('venv')"
    try:
        answer = subprocess.run([program, "-c", question], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.split()
    if len(words) < 2 or not words[0].isdigit():
        return None
    return Python((int(words[0]), int(words[1])), program, words[2:] == ["venv"])


def programs_on_path(name: str) -> list[str]:
    """Return every program of this name on PATH, in its order; a path stays as it is."""
    if os.sep in name:
        return [name]
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    paths = [os.path.join(folder, name) for folder in folders if folder]
    return [path for path in paths if os.access(path, os.X_OK) and not os.path.isdir(path)]


def find_pythons(named: str) -> list[Python]:
    """Return the Python with this name, or else the first of every version on PATH; the newest first."""
    names = [named] if named else ["python{}.{}".format(*version) for version in SUPPORTED] + ["python3", "python"]
    pythons: dict[tuple[int, int], Python] = {}
    for program in [path for name in names for path in programs_on_path(name)]:
        python = inspect_python(program)
        # Debian's own Python may lack the module venv where a different one of the same version has it.
        if python and not (python.version in pythons and pythons[python.version].has_venv):
            pythons[python.version] = python
    return sorted(pythons.values(), reverse=True)


def choose_pythons(named: str, pythons: Sequence[Python], with_uv: bool) -> list[Python]:
    """Return the supported Pythons that can make an environment. Raises `SetupError` if there is none."""
    supported = [python for python in pythons if python.version in SUPPORTED]
    usable = [python for python in supported if python.has_venv or with_uv]
    if usable:
        return usable
    if supported:
        name = "python{}.{}".format(*supported[0].version)
        raise SetupError(
            f"{supported[0].program} cannot make an environment: it lacks the module venv or ensurepip. On Debian and"
            f" Ubuntu: sudo apt install {name}-venv. Or install uv, which needs neither: https://docs.astral.sh/uv"
        )
    there = ", ".join(f"{python.name[7:]} ({python.program})" for python in pythons)
    too_new = any(python.version > SUPPORTED[0] for python in pythons)
    if named:
        raise SetupError(f"{named} is Python {there or 'that does not run'}, but Python {RANGE} is needed.")
    raise SetupError(
        f"Python {RANGE} is needed; here is {there or 'none'}."
        + (" 3.14 waits for the package immutables, which has no wheel for it." if too_new else "")
        + " Install one, or name it: make PYTHON=/path/to/python3.13. With uv, https://docs.astral.sh/uv, no Python"
        " has to be installed."
    )


# --- commands -------------------------------------------------------------------------------------------------------


def run(command: Sequence[str], log: Path) -> str:
    """Run a command and return its output, which also goes to `log`. Raises `StepFailed`."""
    with log.open("a", encoding="utf-8", errors="replace") as file:
        file.write("$ {}\n".format(" ".join(command)))
        file.flush()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment()
        )
        try:
            output = process.communicate()[0].decode("utf-8", "replace")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        file.write(output)
    if process.returncode != 0:
        raise StepFailed(output)
    return output


def environment() -> dict[str, str]:
    """Return the variables of a command: none that directs packages to a different place."""
    hidden = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "VIRTUAL_ENV", "UV_PYTHON")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return dict(kept, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PYTHONUTF8="1")


def explain(output: str) -> str:
    """Return in one sentence why pip or uv failed, and what to do."""
    proxy = next((os.environ[name] for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY") if os.environ.get(name)), "")
    if re.search(r"No space left on device|os error 28|Disk quota exceeded", output):
        return "The disk is full. Free some space and run make again; downloads that are complete are kept."
    if re.search(r"(?i)do not match the hashes|hash mismatch", output):
        return (
            "A download differs from its sha256 in the lock, so it was not installed. A proxy or a mirror may have"
            " changed it; if not, please report it."
        )
    if re.search(r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|certificate verify failed", output):
        return "The certificate of the package index is not trusted. Name your own by PIP_CERT and SSL_CERT_FILE."
    if re.search(r"[Pp]roxy|tunnel", output) and proxy:
        return f"The proxy {without_password(proxy)} does not answer. Correct or unset HTTPS_PROXY, and run make again."
    if re.search(
        r"name resolution|Name or service not known|nodename nor servname|dns error|new connection|unreachable"
        r"|[Cc]onnection refused|timed out|error sending request|[Cc]onnection (was )?(reset|aborted|broken)",
        output,
    ):
        return (
            "There is no connection to the package index. Check the network; behind a firewall set HTTPS_PROXY, or"
            " name a mirror: PIP_INDEX_URL (and UV_INDEX_URL), TORCH_INDEX. Then run make again."
        )
    if "No matching distribution" in output:
        return "The package index does not have a package of the lock. If it is a mirror, it may be out of date."
    return "Installing failed."


def without_password(url: str) -> str:
    """Return a URL without user and password."""
    parts = urllib.parse.urlsplit(url if "//" in url else f"http://{url}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Print a line of what is done, and when it is done how long it took."""
    began = time.monotonic()
    print(f"  {text} ...", end="", flush=True)
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f" {time.monotonic() - began:.0f} s", flush=True)


# --- the environment ------------------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What the command line chooses."""

    venv: Path
    python: str
    torch: str
    torch_index: str

    @property
    def log(self) -> Path:
        """Return where the output of all commands goes."""
        return self.venv.with_name(self.venv.name + ".log")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    aims = ", ".join(f"{part}: what {aim}" for part, aim in AIMS.items())
    parser.add_argument("what", choices=AIMS, help=f"{aims}; all but the first add to it")
    parser.add_argument("--venv", type=Path, default=Path(".venv"))
    parser.add_argument("--python", default="", help="a name or a path; default: the newest supported one on PATH")
    parser.add_argument("--torch", default="", help="a requirement in place of the locked CPU build")
    parser.add_argument("--torch-index", default=TORCH_INDEX, help="a mirror of PyTorch's index of CPU builds")
    args = parser.parse_args()
    settings = Settings(Path(os.path.abspath(args.venv)), args.python, args.torch, args.torch_index)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        with exclusive(settings.venv.parent):
            settings.log.write_text("")
            make(args.what, settings)
            settings.log.unlink()
    except SetupError as error:
        if settings.log.stat().st_size == 0:
            settings.log.unlink()
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except StepFailed as error:
        lines = [line for line in error.output.splitlines() if line.strip()][-5:]
        print("\n".join(lines), file=sys.stderr)
        print(f"error: {explain(error.output)} (All output: {settings.log})", file=sys.stderr)
        return 3
    except OSError as error:
        print(f"error: {error.filename or settings.venv}: {error.strerror}.", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\ninterrupted: run make again, and it goes on.", file=sys.stderr)
        return 130
    return 0


def interrupt(number: int, frame: Any) -> None:
    """End as Ctrl-C would."""
    raise KeyboardInterrupt


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Let one process at a time make an environment in a folder; the system releases the lock, however it ends."""
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting: a different make is making the environment", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def make(what: str, settings: Settings) -> None:
    """Bring the environment up to date, for a build and for what comes with it."""
    changed = not is_usable(settings)
    if changed:
        make_new(settings)
    for part in PARTS[what]:
        stamp = settings.venv / f"{part}.stamp"
        state = digest(part)
        if not stamp.exists() or stamp.read_text() != state:
            aim = "updating" if stamp.exists() else f"adding what {AIMS[part]} to"
            stamp.unlink(missing_ok=True)
            print(f"{aim} {settings.venv.name}", flush=True)
            install(part, settings, settings.venv)
            stamp.write_text(state)
            changed = True
        stamp.touch()
    if changed and os.environ.get("PYTHONDONTWRITEBYTECODE"):
        compile_all(settings)


def compile_all(settings: Settings) -> None:
    """Compile what is installed, where Python must not do it at the first import: each start would take 10 s more."""
    with step("byte code"), contextlib.suppress(StepFailed):  # some packages hold examples for Python 2
        compiler = [str(settings.venv / "bin" / "python"), "-m", "compileall", "-q", "-j", "0"]
        run([*compiler, str(settings.venv / "lib")], settings.log)


def is_usable(settings: Settings) -> bool:
    """Whether there is an environment with pip, of a supported Python, and of the one that the user named."""
    python = settings.venv / "bin" / "python"
    facts = inspect_python(str(python)) if python.exists() else None
    if facts is None or facts.version not in SUPPORTED:
        return False
    named = inspect_python(settings.python) if settings.python else facts
    with contextlib.suppress(StepFailed):
        run([str(python), "-m", "pip", "--version"], settings.log)
        return named is None or named.version == facts.version
    return False


def digest(part: str) -> str:
    """Return the sha256 of what a part of the environment is made from."""
    return hashlib.sha256(b"\0".join(Path(name).read_bytes() for name in INPUTS[part])).hexdigest()


def make_new(settings: Settings) -> None:
    """Make the environment for a build beside its place, and put it there when it is complete."""
    uv = shutil.which("uv")
    pythons = find_pythons(settings.python)
    if uv and not settings.python and not any(python.version in SUPPORTED for python in pythons):
        pythons = [Python(SUPPORTED[0], "{}.{}".format(*SUPPORTED[0]), False)]  # fetched by uv
    usable = choose_pythons(settings.python, pythons, uv is not None)
    check_disk(settings.venv.parent)
    new = settings.venv.with_name(settings.venv.name + ".new")
    named = ["--prompt", settings.venv.name]
    try:
        for python, alternative in zip(usable, [*usable[1:], None]):  # noqa: B905 for Python 3.8
            print(f"making {settings.venv.name} with {python.name}: about 1.6 GB, once", flush=True)
            shutil.rmtree(new, ignore_errors=True)
            with step("environment"):
                if python.has_venv:
                    run([python.program, "-m", "venv", *named, str(new)], settings.log)
                else:
                    run([str(uv), "venv", "--seed", *named, "--python", python.program, str(new)], settings.log)
            try:
                install_torch(settings, new)
                break
            except StepFailed as error:
                if not re.search(ABSENT, error.output):
                    raise
                if alternative is None:
                    raise SetupError(without_torch(python, settings, error.output), NO_TORCH) from None
                print(f"  no CPU build of torch for {python.name} can be had here", flush=True)
        install("run", settings, new, with_torch=False)
        (new / "run.stamp").write_text(digest("run"))
        settle(new, settings.venv)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def check_disk(folder: Path) -> None:
    """Raise `SetupError` if an environment does not fit."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < GIGABYTES:
        raise SetupError(
            f"{folder} has {free:.1f} GB of free disk; the environment and its downloads need {GIGABYTES:.0f} GB."
        )


def without_torch(python: Python, settings: Settings, output: str) -> str:
    """Return the sentence for a CPU build of torch that cannot be had."""
    reason = explain(output)
    if "proxy" in reason or ("connection" in reason and not is_online()):
        return reason
    why = "cannot be reached" if "connection" in reason else "does not have it"
    return (
        f"The CPU build of torch for {python.name}: {settings.torch_index} {why}. Name a mirror,"
        " make TORCH_INDEX=URL; or take PyPI's build, which brings 3 GB of CUDA: make TORCH=torch==2.13.0"
    )


def is_online() -> bool:
    """Whether PyPI, or the index that takes its place, accepts connections. With a proxy, its own error is clearer."""
    index = urllib.parse.urlsplit(os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple")
    try:
        socket.create_connection((index.hostname or "", index.port or 443), timeout=10).close()
    except OSError:
        return False
    return True


def install_torch(settings: Settings, venv: Path) -> None:
    """Install the locked build of torch, or what the user named instead. Raises `StepFailed`.

    pip does it, whose configuration may name places of its own. Only CPU builds have hashes in the lock and the local
    version `+cpu`, so PyPI's build with CUDA is not taken unasked.
    """
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile", "--retries", "1"]
    if settings.torch:
        with step(f"torch: {settings.torch}, as you asked, without a hash"):
            run([*pip, settings.torch], settings.log)
        return
    index = ["--index-url", settings.torch_index] if sys.platform.startswith("linux") else []
    with step("torch, the CPU build (190 MB)"):
        locked = ["--no-deps", "--require-hashes", "--requirement", "requirements-torch.lock"]
        run([*pip, *index, *locked], settings.log)


def install(part: str, settings: Settings, venv: Path, with_torch: bool = True) -> None:
    """Install the packages of a lock and, for a build, torch before and the project after them."""
    if part == "run" and with_torch:
        install_torch(settings, venv)
    lock = "requirements.lock" if part == "run" else INPUTS[part][-1]
    count = len(re.findall(r"^[a-z].*==", Path(lock).read_text(), re.M))
    python = str(venv / "bin" / "python")
    locked = ["--quiet", "--no-deps", "--require-hashes", "--requirement", lock]
    pip = [python, "-m", "pip", "install", "--retries", "1"]
    with step(f"{count} packages, checked by their sha256"):
        uv = find_uv(settings, venv)
        try:
            if uv:
                run([uv, "pip", "install", "--python", python, *locked], settings.log)
        except StepFailed:
            uv = ""  # It may not know a proxy or a certificate that pip is configured for.
        if not uv:
            run([*pip, *locked], settings.log)
    if part == "run":
        with step("this project"):
            run([*pip, "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."], settings.log)


def find_uv(settings: Settings, venv: Path) -> str:
    """Return uv: the one on PATH, else the locked one, which pip installs; it takes a tenth of pip's time. Else ''."""
    for uv in (shutil.which("uv"), str(venv / "bin" / "uv")):
        if uv and os.access(uv, os.X_OK):
            return uv
    entry = re.search(r"^uv==.*?(?=^[a-z]|\Z)", Path(INPUTS["test"][0]).read_text(), re.M | re.S)
    if entry is None:
        return ""
    pin = venv / "uv.lock"
    pin.write_text(entry[0])
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "1"]
    with contextlib.suppress(StepFailed):
        run([*command, "--require-hashes", "--requirement", str(pin)], settings.log)
        return str(venv / "bin" / "uv")
    return ""


def settle(new: Path, venv: Path) -> None:
    """Rename a complete environment to its place, and correct the path in its programs and in pyvenv.cfg."""
    before, after = os.fsencode(str(new)), os.fsencode(str(venv))
    for path in [*(new / "bin").iterdir(), new / "pyvenv.cfg"]:
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if before in content and b"\0" not in content:
                path.write_bytes(content.replace(before, after))
    old = venv.with_name(venv.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if venv.exists() or venv.is_symlink():
        venv.rename(old)
    new.rename(venv)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
