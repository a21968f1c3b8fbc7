"""Checks of everything that speaking needs: above the modules that it checks, below the command `doctor`.

Each check is a function that yields findings; a fault is a finding, not an exception.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pockettts import book, models, voices
from pockettts.config.server import parse_address
from pockettts.engines.cli import option_list
from pockettts.errors import PocketTTSError
from pockettts.project import ModelPaths, Project
from pockettts.upstream import CommandTimeout, child_environment, find_command, last_error_line, run

Status = Literal["pass", "warn", "fail"]

DISTRIBUTION = "pockettts-book"
NEEDED_DISK = 500 * 2**20
LITTLE_DISK = 4 * 2**30
FLAGS = ("--config", "--voice", "--text", "--output-path")
"""The flags that engine cli always passes to `pocket-tts generate`; the settings add more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `remedy` is what to do unless it passed."""

    name: str
    status: Status
    reason: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return plain JSON values."""
        return asdict(self)


Check = Callable[[Project], Iterator[Finding]]


def examine(project: Project, listen: str, *, speak: bool = True) -> Iterator[Finding]:
    """Run the checks, the quick ones first, and yield each finding at once.

    `listen` is HOST:PORT of the server. Without `speak`, no process of pocket-tts is started.
    """
    checks: list[Check] = [
        _python,
        _packages,
        _audio,
        _formats,
        _disk,
        _memory,
        lambda _: _port(listen),
        _model,
        _voice,
        _bundles,
        _integers,
    ]
    if speak:
        checks += [_flags, _speech]
    for check in checks:
        try:
            yield from check(project)
        except Exception as error:
            # An unexpected error in one check must not stop the rest.
            reason = str(error) if isinstance(error, PocketTTSError) else f"{type(error).__name__}: {error}"
            yield Finding(check.__name__.strip("_"), "fail", reason, "See the reason.")


# --- this machine -------------------------------------------------------------------------------------------------


def _python(project: Project) -> Iterator[Finding]:
    from packaging.specifiers import SpecifierSet

    required = importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"] or ""
    version = platform.python_version()
    reason = f"{version} ({sys.executable})"
    if SpecifierSet(required).contains(version):
        yield Finding("python", "pass", reason)
    else:
        yield Finding(
            "python", "fail", f"{reason}, and {required} is needed", "Make the environment with Python 3.11 to 3.13."
        )


def _packages(project: Project) -> Iterator[Finding]:
    """Compare the installed versions with what the project declares; a missing extra fails only where it is used."""
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in importlib.metadata.requires(DISTRIBUTION) or []]
    yield from _group("packages", [r for r in requirements if r.marker is None], "fail", "run `make env`")
    for extra, purpose in (("onnx", "engine onnx"), ("server", "the server"), ("asr", "the check of takes by ear")):
        of_extra = [r for r in requirements if r.marker is not None and r.marker.evaluate({"extra": extra})]
        of_extra = [r for r in of_extra if not any(r.name == core.name for core in requirements if core.marker is None)]
        needed = (extra, True) in {
            ("onnx", project.config.engine == "onnx"),
            ("asr", project.config.qa.asr not in ("off", "auto")),
        }
        remedy = f"run `pip install '.[{extra}]'`, if you want {purpose}"
        yield from _group(f"packages of {purpose}", of_extra, "fail" if needed else "warn", remedy)


def _group(name: str, requirements: list[Any], severity: Status, remedy: str) -> Iterator[Finding]:
    faults, versions = [], []
    for requirement in requirements:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            faults.append(f"{requirement.name} is not installed")
            continue
        versions.append(f"{requirement.name} {version}")
        if not requirement.specifier.contains(version, prereleases=True):
            faults.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    if faults:
        yield Finding(name, severity, "; ".join(faults), remedy[0].upper() + remedy[1:] + ".")
    else:
        yield Finding(name, "pass", ", ".join(versions))


def _audio(project: Project) -> Iterator[Finding]:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        yield Finding("libsndfile", "fail", str(error), "Install the package soundfile, or libsndfile1 of the system.")
    else:
        formats = soundfile.available_formats()
        missing = [name for name in ("WAV", "FLAC", "MP3") if name not in formats]
        reason = soundfile.__libsndfile_version__
        if missing:
            yield Finding(
                "libsndfile", "warn", f"{reason}, cannot read {', '.join(missing)}", "Give recordings as WAV."
            )
        else:
            yield Finding("libsndfile", "pass", f"{reason}, reads WAV, FLAC and MP3")


def _formats(project: Project) -> Iterator[Finding]:
    """Whether PyAV, if it is installed, was built with all the encoders that the server needs."""
    from pockettts.server.audio import MEDIA_TYPES, encode

    if importlib.util.find_spec("av") is None:
        return
    broken = []
    for form in MEDIA_TYPES:
        try:
            encode(form, bytes(4_800))
        # PyAV and the libraries behind it raise errors of many kinds.
        except Exception as error:
            broken.append(f"{form} ({error})")
    if broken:
        reason = f"the server cannot write {', '.join(broken)}"
        yield Finding("audio formats", "warn", reason, "Install the package av from PyPI: it has every encoder.")
    else:
        yield Finding("audio formats", "pass", f"the server can write {', '.join(MEDIA_TYPES)}")


def _disk(project: Project) -> Iterator[Finding]:
    place = next(path for path in (project.results.absolute(), *project.results.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    reason = f"{free / 2**30:.1f} GiB free in {place}"
    remedy = "Free some space: an English model takes 0.2 GiB, an hour of a book 0.5 GiB."
    yield Finding("disk", "fail" if free < NEEDED_DISK else "warn" if free < LITTLE_DISK else "pass", reason, remedy)


def _memory(project: Project) -> Iterator[Finding]:
    import psutil

    need = book.memory_mb(project.model)
    free = psutil.virtual_memory().available // 2**20
    reason = f"{free:,} MB free, a process of the model {project.model.id} needs about {need:,}"
    yield Finding("memory", "pass" if free > need else "warn", reason, "Close programs, or choose a smaller model.")


def _port(listen: str) -> Iterator[Finding]:
    try:
        host, port = parse_address(listen)
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As a server does: a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, ValueError) as error:
        yield Finding("port", "warn", f"{listen} cannot be used: {error}", "Choose a different one with --listen.")
    else:
        yield Finding("port", "pass", f"{listen} is free")


# --- model and voice ----------------------------------------------------------------------------------------------


def _find_model(project: Project) -> tuple[models.ModelEntry, ModelPaths, bool]:
    """Return the model, its paths, and whether it is fetched."""
    paths = project.of_model()
    return project.model, paths, paths.lock.exists() and (project.model.local or paths.download.exists())


def _model(project: Project) -> Iterator[Finding]:
    entry, paths, fetched = _find_model(project)
    if not fetched:
        remedy = "The first use fetches it, or run `pockettts model download`."
        yield Finding("model", "pass" if entry.local else "warn", f"{entry.id} is not fetched yet", remedy)
        return
    try:
        downloaded = models.read_download(entry, paths.folder)
        files = models.verify_files(downloaded, models.read_lock(paths.lock))
    except PocketTTSError as error:
        yield Finding("model", "fail", str(error), "Look at the file, then run `pockettts model download`.")
        return
    if downloaded.ungated:
        reason = f"{entry.id}: the {len(files)} files match the lock, but these weights cannot clone voices"
        yield Finding("model", "warn", reason, "For voices of your own, accept the terms and set HF_TOKEN.")
    else:
        yield Finding("model", "pass", f"{entry.id}: the {len(files)} files match the lock")


def _voice(project: Project) -> Iterator[Finding]:
    entry, paths, fetched = _find_model(project)
    try:
        voice = project.voice
        voices.voice_pin(voice, entry)
    except PocketTTSError as error:
        yield Finding("voice", "fail", str(error), "Choose a different one with --voice: `pockettts voices list`.")
        return
    if (notice := voices.licence_notice(voice)) is not None:
        yield Finding("licence of the voice", "warn", notice, "Keep the recording private, or use a different voice.")
    else:
        yield Finding("licence of the voice", "pass", f"{voice.id}: {voice.licence}, {voice.attribution}")
    if not fetched:
        return
    lock, model_config = models.read_lock(paths.lock), models.model_config(entry)
    exported = sorted(project.voice_states().glob("*.safetensors"))
    if not exported:
        yield Finding("voice", "pass", f"{voice.id} is not exported yet; the first use exports it")
    for path in exported:
        try:
            sidecar = voices.check_voice(path, lock, model_config)
            voices.check_values(path)
        except PocketTTSError as error:
            selected = path.stem == voice.id
            yield Finding(f"voice {path.stem}", "fail" if selected else "warn", str(error), f"Delete {path}.")
        else:
            yield Finding(f"voice {path.stem}", "pass", f"{sidecar['frames']} frames, fits the model {entry.id}")


def _bundles(project: Project) -> Iterator[Finding]:
    from pockettts.bundle import MANIFEST, read_bundle

    entry = project.model
    for manifest in sorted(project.bundles().glob(f"*/{MANIFEST}")):
        name = f"onnx {manifest.parent.name}"
        severity: Status = "fail" if project.config.engine == "onnx" else "warn"
        try:
            bundle = read_bundle(manifest.parent)
        except PocketTTSError as error:
            remedy = f"Delete {manifest.parent} and run `pockettts model export`."
            yield Finding(name, severity, str(error), remedy)
            continue
        yield from _graphs(name, bundle, severity)
    if project.config.engine == "onnx" and not (project.bundle() / MANIFEST).exists():
        yield Finding("onnx", "pass", f"{entry.id} is not exported yet; the first use exports it")


def _graphs(name: str, bundle: Any, severity: Status) -> Iterator[Finding]:
    if importlib.util.find_spec("onnxruntime") is None:
        yield Finding(
            name, "warn", "the files are intact; ONNX Runtime is not installed", "Run `pip install '.[onnx]'`."
        )
        return
    from pockettts.export.verify import check_graphs

    failed = [check for check in check_graphs(bundle) if not check.passed]
    if failed:
        reason = "; ".join(f"{check.name}: {check.note}" for check in failed)
        yield Finding(name, severity, reason, f"Delete {bundle.folder} and run `pockettts model export`.")
    else:
        yield Finding(name, "pass", f"the files of {bundle.folder} are intact and every graph runs")


def _integers(project: Project) -> Iterator[Finding]:
    """Check the integer sums that precision int8 depends on: a bundle is right only where they are exact."""
    if any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime")):
        return
    from pockettts.engines.onnx.integers import wrong_sums
    from pockettts.processor import read_cpu_facts

    processor = read_cpu_facts().label()
    if wrong := wrong_sums():
        reason = f"ONNX Runtime adds integers wrongly on {processor}: {wrong:,} sums of a test differ"
        yield Finding("int8", "warn", reason, "Set synth.precision to fp32, and report the processor.")
    else:
        yield Finding("int8", "pass", f"integer sums are exact on {processor}")


# --- speaking -----------------------------------------------------------------------------------------------------


def _flags(project: Project) -> Iterator[Finding]:
    """Compare the flags that pocket-tts accepts with those that it will get."""
    command = find_command(project.synth.executable)
    try:
        result = run([*command.arguments(0), "generate", "--help"], child_environment(COLUMNS="200"), 120)
    except CommandTimeout:
        yield Finding("pocket-tts", "fail", f"{command.program} did not answer in 120 s", "Look at the machine's load.")
        return
    if result.code != 0:
        yield Finding("pocket-tts", "fail", f"{command.program}: {last_error_line(result.stderr)}", "Run `make env`.")
        return
    accepted = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", result.stdout.decode(errors="replace")))
    required = {*FLAGS, *(re.split("=", option)[0] for option in option_list(project.synth) if option.startswith("-"))}
    versions = ", ".join(f"{name} {version}" for name, version in command.identity().items())
    if missing := sorted(required - accepted):
        reason = f"{command.program} ({versions}) has no {', '.join(missing)}"
        yield Finding(
            "pocket-tts", "fail", reason, "Install the pinned version (`make env`), or correct synth.tts_args."
        )
    elif not command.seeded:
        reason = f"{command.program} takes no seed, so its takes cannot be repeated"
        yield Finding("pocket-tts", "warn", reason, "Remove synth.executable to use the Python package.")
    else:
        yield Finding("pocket-tts", "pass", f"{versions}; has every flag that is used")


def _speech(project: Project) -> Iterator[Finding]:
    """Speak one word with the engine of the settings, through every step of a take; nothing is stored."""
    from pockettts.speaking import chunks_of, make_ready, speak

    entry, _, fetched = _find_model(project)
    name = f"speech by engine {project.config.engine}"
    if not fetched and not entry.local:
        yield Finding(name, "warn", f"not tried: {entry.id} is not fetched yet", "`pockettts model download`.")
        return
    try:
        with make_ready(project).open_engine() as engine:
            began = time.monotonic()
            samples = sum(len(part) for part in speak(engine, chunks_of("Hello.", project), project))
    except PocketTTSError as error:
        yield Finding(name, "fail", str(error), "See the reason.")
    else:
        yield Finding(name, "pass", f"one word, {samples / 24_000:.1f} s, in {time.monotonic() - began:.1f} s")
