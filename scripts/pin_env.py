"""Write envs/pockettts.yaml: the conda environment of the rules, with the pins of requirements.lock.

`make lock` runs it after the lock was compiled; a test runs it with --check.
"""

import argparse
import re
import tomllib
from pathlib import Path

from pockettts.errors import PocketTTSError, run_main

HEADER = "# Made by scripts/pin_env.py from pyproject.toml and requirements.lock. Used with `snakemake --sdm conda`.\n"


def make_environment(project: str, lock: str) -> str:
    """Return the YAML for the direct dependencies of `project` (pyproject.toml) at the versions of `lock`."""
    table = tomllib.loads(project)["project"]
    direct = [*table["dependencies"], *table["optional-dependencies"]["onnx"]]
    names = [re.match(r"[A-Za-z0-9_-]+", requirement)[0] for requirement in direct]  # type: ignore[index]
    pins = dict(re.findall(r"^([a-z0-9_.-]+)==([^ \\]+)", lock, re.M))
    release = next(requirement.split("==")[1] for requirement in direct if requirement.startswith("torch=="))
    # PyPI has no version with a local part, so its build for Linux, with CUDA, cannot take the place of the CPU build.
    torch = [f"torch=={release}+cpu ; sys_platform == 'linux'", f"torch=={release} ; sys_platform == 'darwin'"]
    pinned = [f"{name}=={pins[name]}" for name in sorted(names) if name != "torch"]
    lines = [
        "channels:",
        "  - conda-forge",
        "dependencies:",
        "  - python=3.11",
        "  - pip",
        "  - pip:",
        "      - --extra-index-url https://download.pytorch.org/whl/cpu",
        *(f"      - {requirement}" for requirement in [*pinned, *torch]),
    ]
    return HEADER + "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file would change")
    parser.add_argument("--out", type=Path, default=Path("envs/pockettts.yaml"))
    args = parser.parse_args()
    content = make_environment(Path("pyproject.toml").read_text(), Path("requirements.lock").read_text())
    if not args.check:
        args.out.write_text(content)
    elif args.out.read_text() != content:
        raise PocketTTSError(f"{args.out} does not have the pins of requirements.lock; run scripts/pin_env.py.")


if __name__ == "__main__":
    run_main(main)
