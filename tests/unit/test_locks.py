"""The locks: one resolution for every platform and Python, complete, with hashes, and without CUDA."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from support import ROOT

PLATFORMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")]
PYTHONS = ["3.11", "3.12", "3.13"]
LOCKS = [f"requirements{part}.lock" for part in ("", "-test", "-cluster", "-cluster-test")]
CLUSTER = {"cluster", "cluster-test"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Return each requirement of a lock with its hashes."""
    pins = []
    for block in re.split(r"\n(?=[a-z])", (ROOT / lock).read_text()):
        line = block.splitlines()[0].removesuffix(" \\")
        pins.append((Requirement(line), re.findall(r"--hash=sha256:([0-9a-f]{64})", block)))
    return pins


def pins(lock: str, system: str, machine: str, python: str) -> dict[str, str]:
    """Return the versions that a lock gives to one platform and Python."""
    place = {"sys_platform": system, "platform_machine": machine, "python_version": python}
    place |= {"python_full_version": f"{python}.0", "implementation_name": "cpython"}
    place |= {"platform_python_implementation": "CPython", "platform_system": system.title()}
    chosen = [item for item, _ in entries(lock) if item.marker is None or Marker(str(item.marker)).evaluate(place)]
    assert len({item.name for item in chosen}) == len(chosen)
    return {item.name: str(item.specifier).removeprefix("==") for item in chosen}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_python_and_platform_has_the_same_versions(lock: str) -> None:
    everywhere = [[pins(lock, *platform, python) for python in PYTHONS] for platform in PLATFORMS]
    for of_pythons in everywhere:
        assert all(one == of_pythons[0] for one in of_pythons)
    linux, arm, mac = (of_pythons[0] for of_pythons in everywhere)
    assert linux == arm
    assert {name: version for name, version in linux.items() if name != "greenlet"} == {
        name: version for name, version in mac.items() if name != "greenlet"
    }


def test_the_locks_fulfil_the_project_and_bring_no_cuda() -> None:
    run, test, cluster, cluster_test = (pins(lock, "linux", "x86_64", "3.13") for lock in LOCKS)
    assert run.items() <= test.items()
    assert run.items() <= cluster.items()
    shared = [(one, other) for one in (test, cluster, cluster_test) for other in (test, cluster, cluster_test)]
    assert all(one[name] == other[name] for one, other in shared for name in one.keys() & other.keys())
    tested = PROJECT["optional-dependencies"].keys() - CLUSTER
    for name, extras in ((run, {"onnx", "server"}), (test, tested), (cluster, {"cluster"}), (cluster_test, CLUSTER)):
        direct = [*PROJECT["dependencies"], *(r for extra in extras for r in PROJECT["optional-dependencies"][extra])]
        for requirement in map(Requirement, direct):
            if requirement.name not in ("torch", "pockettts-book"):
                assert requirement.specifier.contains(name[requirement.name.lower()]), requirement
    assert not [name for lock in (test, cluster_test) for name in lock if re.match("torch|nvidia|cuda|triton", name)]


def test_everything_is_checked_by_its_hash() -> None:
    for lock in LOCKS:
        assert all(hashes for _, hashes in entries(lock))
    # One build of torch for each Python: two kinds of machine with Linux, one with macOS.
    assert [len(set(hashes)) for _, hashes in entries("requirements-torch.lock")] == [6, 3]


@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_torch_is_the_cpu_build_of_the_release_in_the_project(system: str, machine: str) -> None:
    locked = pins("requirements-torch.lock", system, machine, "3.13")["torch"]
    release = next(item.split("==")[1] for item in PROJECT["dependencies"] if item.startswith("torch=="))
    assert locked == (f"{release}+cpu" if system == "linux" else release)
    assert f"torch=={locked} ; sys_platform == '{system}'" in (ROOT / "envs/pockettts.yaml").read_text()


@pytest.mark.slow
def test_the_locks_are_what_uv_compiles(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", *LOCKS, "requirements-torch.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    version = tmp_path / "scripts/pockettts/__init__.py"
    version.parent.mkdir(parents=True)
    version.write_bytes((ROOT / "scripts/pockettts/__init__.py").read_bytes())
    subprocess.run([sys.executable, ROOT / "scripts/write_locks.py"], cwd=tmp_path, check=True)
    for name in LOCKS:
        assert (tmp_path / name).read_text() == (ROOT / name).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin"])
def test_every_package_has_a_wheel(tmp_path: Path, platform: str, python: str) -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--no-deps", "--require-hashes"]
    command += ["--python-platform", platform, "--python-version", python, "--target", str(tmp_path)]
    # These two are pure Python and come as source.
    command += ["--only-binary", ":all:", "--no-binary", "docopt", "--no-binary", "connection-pool"]
    variables = {"MACOSX_DEPLOYMENT_TARGET": "14.0"} if "darwin" in platform else {}
    for lock in LOCKS:
        answer = subprocess.run(
            [*command, "--requirement", ROOT / lock],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **variables},
        )
        assert answer.returncode == 0, answer.stderr
