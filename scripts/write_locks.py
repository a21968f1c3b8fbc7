"""Write requirements.lock, and beside it -test, -cluster, -cluster-test and -torch, from pyproject.toml: `make lock`.

One resolution serves every platform and Python that the project supports, so all of them have the same versions, and
hence the same takes. The table [tool.uv] in pyproject.toml lists the platforms. torch has a file of its own, with the
hashes of PyTorch's CPU builds for Linux and of PyPI's builds for macOS: PyPI's builds for Linux bring 3 GB of CUDA.
"""

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from pockettts.errors import PocketTTSError, run_main

RUN = ("onnx", "server")
EXTRAS = {
    "": RUN,
    "-test": (*RUN, "asr", "wyoming", "test"),
    "-cluster": (*RUN, "cluster"),
    "-cluster-test": ("cluster-test",),
}
"""The extras of each lock. Each keeps to the versions of those above it, so all of them can be installed together."""
CPU_INDEX = "https://download.pytorch.org/whl/cpu/torch/"
PYPI = "https://pypi.org/simple/torch/"
PYTHONS = ("cp311", "cp312", "cp313")
# Where builds come from, what their version adds, the platforms in their file names, and the marker of the requirement.
BUILDS = (
    (CPU_INDEX, "+cpu", ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64"), "sys_platform == 'linux'"),
    (PYPI, "", ("macosx_14_0_arm64",), "sys_platform == 'darwin'"),
)


def compile_lock(extras: tuple[str, ...], constraints: Sequence[Path], current: Path) -> str:
    """Return a lock with these extras and without torch, compiled by uv. Versions in `current` stay if they can."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / current.name
        out.write_text(current.read_text() if current.exists() else "")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        command += ["--strip-extras", "--generate-hashes", "--no-header", "--no-emit-package", "torch"]
        command += [option for extra in extras for option in ("--extra", extra)]
        command += [option for lock in constraints for option in ("--constraint", str(lock))]
        if subprocess.run([*command, "--output-file", str(out), "pyproject.toml"], check=False).returncode != 0:
            raise PocketTTSError("uv could not compile the lock; its message is above.")
        return without_shared_marker(out.read_text())


def without_shared_marker(lock: str) -> str:
    """Return a lock without the marker that names all platforms of the project, which nearly every line has.

    An unsupported platform then gets an error from pip, not an empty environment.
    """
    markers = collections.Counter(re.findall(r"^[a-z0-9._-]+==\S+ ; (.+?)(?: \\)?$", lock, re.M))
    if not markers:
        return lock
    shared = re.escape(markers.most_common(1)[0][0])
    return re.sub(rf"^([a-z0-9._-]+==\S+) ; {shared}(?= \\$|$)", r"\1", lock, flags=re.M)


def read_index(url: str) -> dict[str, str]:
    """Return the sha256 of each file on a page of a package index (PEP 503 or 691). Raises `PocketTTSError`."""
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=30) as answer:
            text, kind = answer.read().decode(), answer.headers.get_content_type()
    except (urllib.error.URLError, TimeoutError) as error:
        raise PocketTTSError(f"{url} cannot be read: {error}") from None
    if kind.endswith("+json"):
        return {file["filename"]: file["hashes"]["sha256"] for file in json.loads(text)["files"]}
    links = re.findall(r'href="[^"]*?([^"/]+\.whl)#sha256=([0-9a-f]{64})"', text)
    return {urllib.request.unquote(name): sha256 for name, sha256 in links}  # type: ignore[attr-defined]


def torch_lock(version: str, files: dict[str, dict[str, str]]) -> str:
    """Return the lock of torch from the files of each index. Raises `PocketTTSError` if a build is missing."""
    lines = []
    for index, local, platforms, marker in BUILDS:
        names = [f"torch-{version}{local}-{tag}-{tag}-{platform}.whl" for platform in platforms for tag in PYTHONS]
        if missing := [name for name in names if name not in files[index]]:
            raise PocketTTSError(f"{index} has no {missing[0]}.")
        hashes = sorted(files[index][name] for name in names)
        requirement = f"torch=={version}{local} ; {marker}"
        lines.append(" \\\n".join([requirement, *(f"    --hash=sha256:{sha256}" for sha256 in hashes)]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    torch, earlier = Path("requirements-torch.lock"), list[Path]()
    for name, extras in EXTRAS.items():
        lock = Path(f"requirements{name}.lock")
        lock.write_text(compile_lock(extras, earlier, lock))
        earlier.append(lock)
    pins = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    version = next(pin.split("==")[1] for pin in pins if pin.startswith("torch=="))
    try:
        torch.write_text(torch_lock(version, {index: read_index(index) for index in (CPU_INDEX, PYPI)}))
    except PocketTTSError as error:
        if f"torch=={version}+cpu" not in torch.read_text():
            raise
        print(f"{torch} is kept as it is: {error}")


if __name__ == "__main__":
    run_main(main)
