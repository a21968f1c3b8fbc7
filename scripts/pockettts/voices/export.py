"""Making the state of a voice: from a recording by pocket-tts itself, or from the file that upstream published."""

from __future__ import annotations

import shutil
import tempfile
import wave
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pockettts.errors import VoiceError
from pockettts.files import sha256_file, temporary_path, write_json
from pockettts.models import Lock, ModelEntry, fetch_locked, model_config
from pockettts.upstream import CommandTimeout, child_environment, describe_exit, find_command, last_error_line, run
from pockettts.voices.manifest import Recording, Voice, embedding, voice_pin
from pockettts.voices.recording import check_recording
from pockettts.voices.state import check_shapes, check_values, read_tensors


def export_voice(
    voice: Voice,
    entry: ModelEntry,
    lock: Lock,
    out: Path,
    *,
    runtime: Path,
    executable: Path | None = None,
    fetched: Path | None = None,
    committed_lock: Path | None = None,
    commit: bool = False,
    timeout: float = 600.0,
    rate: Callable[[Path], float | None] | None = None,
) -> dict[str, Any]:
    """Write the voice file `out` and its sidecar `out` with the suffix .json, and return the sidecar.

    A recording goes through the real `pocket-tts export-voice` with the configuration `runtime`; a predefined voice
    is fetched into the folder `fetched`, by default beside it, verified as the model's files are, and with `commit`
    written to the committed lock. Only a file that fits the model gets its name. `rate` measures how many letters a
    second a voice file speaks, for the sidecar. Raises `VoiceError`, and for a fetch the errors of `models.fetch`.
    """
    config = model_config(entry)
    pin = voice_pin(voice, entry)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(out, ".safetensors")
    try:
        if isinstance(voice.source, Recording):
            if not lock.voice_cloning:
                raise VoiceError(
                    f"The voice {voice.id!r} cannot be made from a recording: the model {entry.id!r} was fetched from "
                    "the ungated repository, whose weights cannot clone voices. Choose a predefined voice, or accept "
                    "the terms of the gated repository and fetch the model again."
                )
            # A recording whose sha256 is in the manifest was measured when it was added.
            quality = asdict(check_recording(voice.source.path, warn=voice.source.sha256 is None))
            _run_export(voice.source.path, temporary, runtime, executable, timeout)
        else:
            source = embedding(voice, entry)
            file = fetch_locked(
                source, entry.id, f"voice/{voice.id}", fetched or runtime.parent, committed_lock, commit
            )
            shutil.copyfile(file, temporary)
            quality = None
        tensors = read_tensors(temporary)
        frames = check_shapes(temporary, tensors, config)
        check_values(temporary)
        sidecar = {
            "voice": voice.id,
            "model": lock.model,
            "model_lock": lock.digest,
            "source": pin,
            "sha256": sha256_file(temporary),
            "tensors": {name: [dtype, list(shape)] for name, (dtype, shape) in tensors.items()},
            "frames": frames,
            "recording": quality,
            "rate": None if rate is None else rate(temporary),
        }
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    write_json(out.with_suffix(".json"), sidecar, seal=True)
    return sidecar


def _run_export(audio: Path, out: Path, runtime: Path, executable: Path | None, timeout: float) -> None:
    command = find_command(executable)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["export-voice", str(_readable(audio, Path(folder))), str(out), "--config", str(runtime)]
        try:
            done = run([*command.arguments(seed=0), *arguments], child_environment(), timeout)
        except CommandTimeout:
            raise VoiceError(f"pocket-tts export-voice took more than {timeout:g} s for {audio}.") from None
    if done.code != 0:
        reason = last_error_line(done.stderr)
        raise VoiceError(f"pocket-tts export-voice {describe_exit(done.code)} for {audio}: {reason}")
    if not out.exists():
        raise VoiceError(f"pocket-tts export-voice ended without an error for {audio}, but wrote no voice.")


def _readable(audio: Path, folder: Path) -> Path:
    """Give the recording a name that pocket-tts reads: it opens .wav with a reader that knows plain PCM only."""
    if audio.suffix.lower() != ".wav":
        return audio.absolute()
    try:
        with wave.open(str(audio), "rb"):
            return audio.absolute()
    except (wave.Error, EOFError):
        alias = folder / "recording.sound"
        alias.symlink_to(audio.absolute())
        return alias
