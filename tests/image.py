"""Build the image of the Dockerfile and try it, with docker or podman: `make image-test`.

Options for the build go to the engine as they are, such as --build-arg TORCH_INDEX=URL. The files are those of a fresh
clone, which belongs to user 1000 where this program runs as root. Where no registry can be reached, debootstrap makes a
base of Debian with its own Python. compose.yaml is tried if docker compose or podman-compose is there. It needs no
package, so it runs in any Python from 3.9 on.
"""

from __future__ import annotations

import argparse
import array
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from make_env import step  # noqa: E402

IMAGE = "pockettts"
SUBSTITUTE = "localhost/pockettts-base"
SENTENCE = "The road was white and dry."
MOUNTS = {"results": "", "voices": ":ro", "inputs": ":ro", "config.yaml": ":ro"}
"""What compose.yaml mounts."""
USER, GROUP = (os.getuid(), os.getgid()) if os.getuid() else (1000, 1000)
"""To whom the clone belongs: this user, or in place of root the image's."""
COPYLEFT = ("x264", "x265", "xvid", "postproc", "vidstab", "rubberband", "espeak")
"""Libraries under the GPL that wheels of sound and video may carry."""


class CheckFailed(Exception):
    """A sentence on what the image does wrong."""


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="", help="docker or podman; default: the first that answers")
    parser.add_argument("--base", default="", help="in place of the image that the Dockerfile names")
    parser.add_argument("--no-build", action="store_true", help="try the image that is there")
    args, options = parser.parse_known_args()
    try:
        engine = args.engine or find_engine()
        with tempfile.TemporaryDirectory() as folder:
            clone = make_clone(Path(folder) / "clone")
            if not args.no_build:
                build(engine, clone, args.base or find_base(engine), options)
            check_contents(engine)
            check_commands(engine, clone)
            check_server(engine, clone)
            check_compose(engine, make_clone(Path(folder) / "pockettts-try"))
    except CheckFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


# --- engine, base, image --------------------------------------------------------------------------------------------


def run(command: Sequence[str], cwd: Path = ROOT, fails: bool = False) -> str:
    """Run a command and return its output. Raises `CheckFailed` with its last lines if it fails."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode != 0 and not fails:
        lines = (result.stdout + result.stderr).strip().splitlines()[-12:]
        raise CheckFailed("\n".join([f"`{shlex.join(command)}` ended with {result.returncode}:", *lines]))
    return result.stdout


def find_engine() -> str:
    """Return the program that runs containers. Raises `CheckFailed`."""
    for engine in ("docker", "podman"):
        if shutil.which(engine) and succeeds([engine, "info"]):
            if engine == "podman" and os.getuid() != 0:
                raise CheckFailed("podman without root maps the numbers of users, so run this as root, or with docker.")
            return engine
    raise CheckFailed("neither docker nor podman runs here.")


def succeeds(command: Sequence[str]) -> bool:
    """Whether a command ends with 0."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def find_base(engine: str) -> str:
    """Return the base of the image: the Dockerfile's, or Debian by debootstrap where its registry cannot be reached."""
    named = re.search(r"^ARG BASE=(\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    if named is None:
        raise CheckFailed("the Dockerfile has no line ARG BASE=.")
    if succeeds([engine, "image", "inspect", named[1]]) or succeeds([engine, "pull", named[1]]):
        return named[1]
    print(f"no registry has {named[1]}, or none can be reached: Debian by debootstrap instead")
    if not succeeds([engine, "image", "inspect", SUBSTITUTE]):
        if os.getuid() != 0 or not shutil.which("debootstrap"):
            raise CheckFailed("this takes root and debootstrap. Or name a base: --base IMAGE")
        with step("debootstrap"), tempfile.TemporaryDirectory() as folder:
            packages = "--include=python3,python3-venv,ca-certificates"
            run(["debootstrap", "--variant=minbase", packages, "bookworm", f"{folder}/base"])
            run(["tar", "--create", "--file", f"{folder}/base.tar", "--directory", f"{folder}/base", "."])
            run([engine, "import", f"{folder}/base.tar", SUBSTITUTE])
    return SUBSTITUTE


def make_clone(folder: Path) -> Path:
    """Write the files that git tracks, as they are now, to a folder of the owner's, and return it."""
    tracked = run(["git", "ls-files", "-z"]).split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "inputs" / "tiny.txt").write_text("One. Two.\n")
    (folder / ".env").write_text(f"USER_ID={USER}\nGROUP_ID={GROUP}\n")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, GROUP)
    return folder


def build(engine: str, clone: Path, base: str, options: Sequence[str]) -> None:
    """Build the image and print its size."""
    with step(f"image from {base} by {engine}"):
        run([engine, "build", "--build-arg", f"BASE={base}", "--tag", IMAGE, *options, "."], clone)
    print(f"  size: {int(run([engine, 'image', 'inspect', '--format', '{{.Size}}', IMAGE])) / 1e9:.2f} GB")


# --- tries ----------------------------------------------------------------------------------------------------------


def container(engine: str, clone: Path, *options: str) -> list[str]:
    """Return the command that runs the image as the owner, with the folders of compose.yaml."""
    mounts = [f"--volume={clone / name}:/project/{name}{mode}" for name, mode in MOUNTS.items()]
    return [engine, "run", "--rm", f"--user={USER}:{GROUP}", *mounts, *options, IMAGE]


def shell(engine: str, script: str) -> str:
    """Run a line of shell in the bare image, as its own user."""
    return run([engine, "run", "--rm", "--entrypoint", "sh", IMAGE, "-c", script])


def check_contents(engine: str) -> None:
    """What lies in the image: nothing of this folder's builds, and no GPL library that NOTICE does not name."""
    with step("contents"):
        top = {name.split("/")[0] for name in run(["git", "ls-files"]).split("\n")} | {".venv", ".snakemake"}
        extra = set(shell(engine, "ls -A; ls -A results .snakemake | grep -v :").split()) - top - {".gitkeep"}
        require(not extra, f"the image holds files that are not of the project: {sorted(extra)}")
        names = shell(engine, "find .venv -name '*.so*' -printf '%f\\n'")
        there = {name for name in COPYLEFT if name in names}
        stated = {name for name in COPYLEFT if name in (ROOT / "NOTICE").read_text()}
        require(there == stated, f"the image has {sorted(there)}, but NOTICE names {sorted(stated)}.")
        # A number without a name in /etc/passwd, and nothing of its own to write to.
        run([engine, "run", "--rm", "--user=4321:4321", IMAGE, "voices", "list"])
        writable = shell(engine, "find . -xdev -writable -not -type l -prune")
        require(set(writable.split()) == {"./results", "./.snakemake"}, f"user 1000 may write: {writable}")


def check_commands(engine: str, clone: Path) -> None:
    """Doctor, a sentence and a book, whose files must belong to the owner of the clone."""
    with step("doctor --quick"):
        run([*container(engine, clone), "doctor", "--quick"])
    with step("synth --out"):
        run([*container(engine, clone), "synth", "--text", SENTENCE, "--out", "results/hello.wav"])
        check_sound(clone / "results" / "hello.wav")
    with step("snakemake -j2 results/tiny.wav"):
        run([*container(engine, clone, "--entrypoint=snakemake"), "-j2", "results/tiny.wav"])
        check_sound(clone / "results" / "tiny.wav")
    check_owner(clone)


def check_server(engine: str, clone: Path) -> None:
    """The server answers health, speaks a sentence, and ends when it is asked to."""
    with step("serve"):
        run([*container(engine, clone, "--detach", "--publish=127.0.0.1::8080", "--name=pockettts-try")])
        try:
            address = run([engine, "port", "pockettts-try", "8080"]).split()[0]
            listen(clone, address, [engine, "logs", "pockettts-try"])
            began = time.monotonic()
        finally:
            run([engine, "stop", "-t", "60", "pockettts-try"], fails=True)
        require(time.monotonic() - began < 30, "the server did not end at SIGTERM.")


def check_compose(engine: str, clone: Path) -> None:
    """The three commands of docs/INSTALL.md, in the image that was built."""
    compose = ["docker", "compose"] if engine == "docker" else ["podman-compose"]
    if not succeeds([*compose, "version"]):
        print(f"  not tried: compose.yaml, without {' '.join(compose)}")
        return
    with socket.socket() as probe:
        require(probe.connect_ex(("127.0.0.1", 8080)) != 0, "port 8080 is in use, which compose.yaml takes.")
    try:
        with step("compose run server synth --out -"):
            command = [*compose, "run", "--rm", "-T", "server", "synth", "--text", SENTENCE, "--out", "-"]
            with (clone / "hello.wav").open("wb") as file:
                spoken = subprocess.run(command, cwd=clone, stdout=file, stderr=subprocess.PIPE, text=True, check=False)
            require(spoken.returncode == 0, f"`{shlex.join(command)}` ended with {spoken.returncode}: {spoken.stderr}")
            check_sound(clone / "hello.wav")
        with step("compose run book"):
            # docker compose turns the profile of a service on that is named; podman-compose does not.
            profile = ["--profile", "book"] if engine == "podman" else []
            run([*compose, *profile, "run", "--rm", "book", "results/tiny.wav"], clone)
            check_sound(clone / "results" / "tiny.wav")
        with step("compose up"):
            run([*compose, "up", "--detach"], clone)
            listen(clone, "127.0.0.1:8080", [*compose, "logs", "server"])
            run([*compose, "exec", "-T", "server", "pockettts", "health", "127.0.0.1:8080"], clone)
    finally:
        run([*compose, "down"], clone, fails=True)
    check_owner(clone)


def listen(clone: Path, address: str, logs: Sequence[str]) -> None:
    """Wait until a server can speak, and let it speak. Raises `CheckFailed` with its log after two minutes."""
    deadline = time.monotonic() + 120
    while True:
        with contextlib.suppress(OSError):
            for route in ("health", "ready"):
                urllib.request.urlopen(f"http://{address}/{route}", timeout=10).close()
            break
        if time.monotonic() > deadline:
            raise CheckFailed(f"the server is not ready after two minutes: {run(logs, clone, fails=True)[-2000:]}")
        time.sleep(1)
    text = json.dumps({"text": SENTENCE}).encode()
    request = urllib.request.Request(f"http://{address}/tts", text, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        (clone / "answer.wav").write_bytes(answer.read())
    check_sound(clone / "answer.wav")


def check_sound(path: Path) -> None:
    """A WAV file must hold between 0.5 and 20 seconds that are not silent."""
    require(path.exists(), f"{path.name} was not made.")
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
        samples = array.array("h", file.readframes(file.getnframes()))
    require(0.5 < seconds < 20, f"{path.name} has {seconds:.1f} seconds.")
    require(max(map(abs, samples)) > 1000, f"{path.name} is silent.")


def check_owner(clone: Path) -> None:
    """Whatever came into results/ must belong to the owner of the clone."""
    files = (clone / "results").rglob("*")
    foreign = [str(path.relative_to(clone)) for path in files if path.lstat().st_uid != USER]
    require(not foreign, f"these belong to a different user: {foreign[:5]}")


def require(condition: bool, sentence: str) -> None:
    """Raise `CheckFailed` with a sentence unless a condition holds."""
    if not condition:
        raise CheckFailed(sentence)


if __name__ == "__main__":
    sys.exit(main())
