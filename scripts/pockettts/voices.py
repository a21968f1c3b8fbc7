"""Voices: from the voice manifest to a voice file that is proven to belong to the locked model.

    voices/manifest.json -> resolve_voice -> export_voice -> results/voices/{model}/{voice}.safetensors and .json

A voice file is the state of one model after hearing a recording. pocket-tts takes the file of another model without a
word and speaks garbage with it, so a sidecar beside each file names the model lock it was made with.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import shutil
import tempfile
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pockettts.errors import UnknownVoice, VoiceError
from pockettts.files import read_json, sha256_file, write_json
from pockettts.models import HubFile, Lock, ModelEntry, fetch_locked, model_config
from pockettts.upstream import TookTooLong, child_environment, describe_exit, find_command, last_error_line, run

log = logging.getLogger(__name__)

MIN_SECONDS = 1.0
MAX_SECONDS = 600.0  # pocket-tts reads the whole file into memory
USED_SECONDS = 30.0  # and then cuts it to this
SILENCE = 1e-3


@dataclass(frozen=True, slots=True)
class Predefined:
    """A voice that upstream made: `name` in the model's pin of voices, `origin` the recording behind it."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Recording:
    """An audio file of the project."""

    path: Path
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """One entry of voices/manifest.json. `right` says why a recording may be used, `licence_source` who says so."""

    id: str
    source: Predefined | Recording
    licence: str
    commercial: bool
    attribution: str
    right: str | None = None
    licence_source: str | None = None


def load_voices(path: Path) -> dict[str, Voice]:
    """Read voices/manifest.json; paths of recordings are relative to it. Raises `VoiceError` with one sentence."""
    document = read_json(path, "the voice manifest", VoiceError)
    if not isinstance(document, dict):
        raise VoiceError(f"{path} must be an object with one entry for each voice.")
    return {voice_id: _voice(voice_id, values, path) for voice_id, values in document.items()}


_FIELDS = {"source": dict, "licence": str, "commercial": bool, "attribution": str, "right": str, "licence_source": str}


def _voice(voice_id: str, values: Any, path: Path) -> Voice:
    where = f"{path}: voice {voice_id!r}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", voice_id):
        raise VoiceError(f"{where}: an id may hold letters, digits, - and _ only, as it becomes a file name.")
    if not isinstance(values, dict):
        raise VoiceError(f"{where} must be an object.")
    for key, value in values.items():
        if key not in _FIELDS:
            raise VoiceError(f"{where}: unknown field {key!r}; known are {', '.join(_FIELDS)}.")
        if not isinstance(value, _FIELDS[key]):
            raise VoiceError(f"{where}: {key} must be of type {_FIELDS[key].__name__}.")
    for key in ("source", "licence", "commercial", "attribution"):
        if key not in values:
            raise VoiceError(f"{where}: the field {key!r} is missing.")
    source = _source(values["source"], where, path.parent)
    right = values.get("right", "").strip() or None
    if isinstance(source, Recording) and right is None:
        raise VoiceError(
            f"{where}: the field 'right' is missing: say why you may use this recording (your own voice, the consent "
            "of the speaker, a licence that allows it)."
        )
    return Voice(
        id=voice_id,
        source=source,
        licence=values["licence"],
        commercial=values["commercial"],
        attribution=values["attribution"],
        right=right,
        licence_source=values.get("licence_source"),
    )


def _source(values: Mapping[str, Any], where: str, folder: Path) -> Predefined | Recording:
    kind = values.get("type")
    rest = {key: value for key, value in values.items() if key != "type"}
    if kind == "predefined" and set(rest) == {"name", "origin"}:
        return Predefined(**rest)
    if kind == "audio" and {"path"} <= set(rest) <= {"path", "sha256"}:
        return Recording(folder / rest["path"], rest.get("sha256"))
    raise VoiceError(
        f'{where}: source must be {{"type": "audio", "path": ..., "sha256": ... (optional)}} '
        'or {"type": "predefined", "name": ..., "origin": ...}.'
    )


def resolve_voice(voices: Mapping[str, Voice], voice_id: str) -> Voice:
    """Return the voice of an id. Raises `UnknownVoice` naming near ids."""
    if voice_id in voices:
        return voices[voice_id]
    near = difflib.get_close_matches(voice_id, voices, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known ids: {', '.join(sorted(voices))}."
    raise UnknownVoice(f"There is no voice {voice_id!r} in voices/manifest.json. {hint}")


def check_licence(voice: Voice, commercial: bool) -> None:
    """Raise `VoiceError` when the build is commercial and the voice must not be used so."""
    if commercial and not voice.commercial:
        raise VoiceError(
            f"The voice {voice.id!r} may not be used commercially (licence: {voice.licence}), and the configuration "
            "says commercial: true. Choose another voice, or set commercial: false for private use."
        )


def licence_notice(voice: Voice) -> str | None:
    """Return the sentence to end a build with whose voice forbids commercial use, else None."""
    if voice.commercial:
        return None
    return (
        f"The voice {voice.id!r} forbids commercial use of this recording (licence: {voice.licence}; "
        f"{voice.attribution})."
    )


def embedding(voice: Voice, entry: ModelEntry) -> HubFile:
    """Return the hub file of a predefined voice for a model. Raises `VoiceError` if the model has none."""
    if not isinstance(voice.source, Predefined):
        raise VoiceError(f"The voice {voice.id!r} is a recording, not a file of the hub.")
    if entry.voices is None:
        raise VoiceError(
            f"The voice {voice.id!r} exists only for the models of the hub, not for {entry.id!r}: choose the voice "
            "'bundled' or a recording of your own (voices/README.md), or another model."
        )
    pin = entry.voices
    path = pin.path.format(name=voice.source.name)
    return HubFile(pin.repo, pin.revision, path, licence=voice.licence)


def voice_pin(voice: Voice, entry: ModelEntry) -> dict[str, str]:
    """Return what decides the voice's share of the samples, for the content key; nothing is downloaded.

    The sha256 of a recording's bytes, or repository, commit and path. Raises `VoiceError`.
    """
    if isinstance(voice.source, Recording):
        return {"sha256": _recording_sha256(voice)}
    return embedding(voice, entry).pin


def _recording_sha256(voice: Voice) -> str:
    assert isinstance(voice.source, Recording)
    path = voice.source.path
    if not path.is_file():
        raise VoiceError(f"The recording {path} of the voice {voice.id!r} does not exist.")
    actual = sha256_file(path)
    if voice.source.sha256 not in (None, actual):
        raise VoiceError(
            f"The recording {path} of the voice {voice.id!r} has the sha256 {actual}, but voices/manifest.json says "
            f"{voice.source.sha256}. Restore the file, or correct the entry if the change is meant."
        )
    return actual


# --- shapes -------------------------------------------------------------------------------------------------------


def expected_layers(config: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return layers, key/value heads and head width of a configuration's transformer: what a voice must have."""
    transformer = config["flow_lm"]["transformer"]
    heads = transformer["num_heads"]
    width = (transformer.get("attn_dim") or transformer["d_model"]) // heads
    return transformer["num_layers"], transformer.get("num_kv_heads") or heads, width


def read_tensors(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return name -> (type, shape) of a safetensors file, from its header. Raises `VoiceError`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as tensors:
            slices = {name: tensors.get_slice(name) for name in sorted(tensors.keys())}
            return {name: (item.get_dtype(), tuple(item.get_shape())) for name, item in slices.items()}
    except FileNotFoundError:
        raise VoiceError(f"The voice file {path} does not exist.") from None
    except SafetensorError as error:
        raise VoiceError(f"The voice file {path} is damaged ({error}); delete it and run again.") from None


_CACHE = re.compile(r"transformer\.layers\.(\d+)\.self_attn/cache")


def check_shapes(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]], config: Mapping[str, Any]) -> int:
    """Return the frames of a voice whose tensors fit the model of `config`; otherwise raise `VoiceError`.

    Each layer has a cache [2 (keys, values), 1, frames, key/value heads, head width].
    """
    layers, heads, width = expected_layers(config)
    caches = {int(match[1]): tensors[name][1] for name in tensors if (match := _CACHE.fullmatch(name))}
    if sorted(caches) != list(range(layers)):
        raise VoiceError(
            f"The voice file {path} was made for another model: it has {len(caches)} layers, this model has {layers}."
        )
    frames = caches[0][2] if len(caches[0]) == 5 else 0
    for layer, shape in caches.items():
        if frames == 0 or shape != (2, 1, frames, heads, width):
            raise VoiceError(
                f"The voice file {path} was made for another model: layer {layer} has the shape {list(shape)}, this "
                f"model needs [2, 1, frames, {heads}, {width}]."
            )
    return frames


def check_values(path: Path) -> None:
    """Raise `VoiceError` for a voice whose states hold what is not a number, or more frames than there are.

    The length in use is `offset`; a cache may be longer, and what lies behind does not count.
    """
    import numpy as np
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as tensors:
        names = set(tensors.keys())
        for name in filter(_CACHE.fullmatch, sorted(names)):
            cache = tensors.get_tensor(name)
            offset = name.removesuffix("cache") + "offset"
            used = int(tensors.get_tensor(offset).max()) if offset in names else cache.shape[2]
            if used > cache.shape[2]:
                raise VoiceError(f"The voice file {path} says that it has {used} frames and has {cache.shape[2]}.")
            if not np.isfinite(cache[:, :, :used]).all():
                raise VoiceError(f"The voice file {path} holds values that are not numbers.")


def check_voice(path: Path, lock: Lock, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sidecar of a voice file that belongs to the locked model; otherwise raise `VoiceError`.

    `config` is the model's configuration, as of runtime.yaml.
    """
    frames = check_shapes(path, read_tensors(path), config)
    sidecar = read_json(path.with_suffix(".json"), "the sidecar of the voice", VoiceError)
    if not isinstance(sidecar, dict):
        raise VoiceError(f"The sidecar of the voice {path} is not an object; delete it and run again.")
    if sidecar.get("model_lock") != lock.digest:
        raise VoiceError(
            f"The voice file {path} was made with another state of the model {lock.model!r} (lock "
            f"{sidecar.get('model_lock')}, now {lock.digest}); delete it and run again."
        )
    if sidecar.get("frames") != frames or sidecar.get("sha256") != sha256_file(path):
        raise VoiceError(f"The voice file {path} is not the one that its sidecar describes; delete it and run again.")
    return sidecar


# --- export -------------------------------------------------------------------------------------------------------


def check_recording(path: Path) -> float:
    """Return the seconds of a recording fit for a voice; an unreadable, short, endless or silent one is a `VoiceError`.

    WAV, FLAC, MP3 and whatever else libsndfile reads.
    """
    import numpy as np
    import soundfile

    try:
        with soundfile.SoundFile(path) as audio:
            seconds = len(audio) / audio.samplerate
            samples = audio.read(int(USED_SECONDS * audio.samplerate), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise VoiceError(
            f"The recording {path} cannot be read ({str(error).rstrip('.')}). It must be WAV, FLAC or MP3."
        ) from None
    if seconds < MIN_SECONDS:
        raise VoiceError(
            f"The recording {path} is {seconds:.2f} s long; a voice needs at least {MIN_SECONDS:g} s, better 10 to 30."
        )
    if seconds > MAX_SECONDS:
        raise VoiceError(f"The recording {path} is {seconds / 60:.0f} minutes long; cut out the best 10 to 30 seconds.")
    if not np.isfinite(samples).all():
        raise VoiceError(f"The recording {path} holds samples that are not numbers.")
    if float(np.abs(samples).max()) < SILENCE:
        raise VoiceError(f"The recording {path} is silent in its first {USED_SECONDS:g} s, which are what is used.")
    if seconds > USED_SECONDS:
        log.warning("Of %s, which is %.0f s long, the first %g s are used.", path, seconds, USED_SECONDS)
    return float(seconds)


def export_voice(
    voice: Voice,
    entry: ModelEntry,
    lock: Lock,
    out: Path,
    *,
    runtime: Path,
    executable: Path | None = None,
    committed_lock: Path | None = None,
    commit: bool = False,
    timeout: float = 600.0,
) -> dict[str, Any]:
    """Write the voice file `out` and its sidecar `out` with the suffix .json, and return the sidecar.

    A recording goes through the real `pocket-tts export-voice` with the configuration `runtime`; a predefined voice
    is fetched beside it, verified as the model's files are, and with `commit` written to the committed lock. Only a
    file that fits the model gets its name. Raises `VoiceError`, and for a fetch the errors of `models.fetch`.
    """
    config = model_config(entry)
    pin = voice_pin(voice, entry)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.stem}.{os.getpid()}.safetensors")
    try:
        if isinstance(voice.source, Recording):
            if not lock.voice_cloning:
                raise VoiceError(
                    f"The voice {voice.id!r} cannot be made from a recording: the model {entry.id!r} was fetched from "
                    "the ungated repository, whose weights cannot clone voices. Choose a predefined voice, or accept "
                    "the terms of the gated repository and fetch the model again."
                )
            check_recording(voice.source.path)
            _run_export(voice.source.path, temporary, runtime, executable, timeout)
        else:
            source = embedding(voice, entry)
            file = fetch_locked(source, entry.id, f"voice/{voice.id}", runtime.parent, committed_lock, commit)
            shutil.copyfile(file, temporary)
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
        }
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    write_json(out.with_suffix(".json"), sidecar)
    return sidecar


def _run_export(audio: Path, out: Path, runtime: Path, executable: Path | None, timeout: float) -> None:
    command = find_command(executable)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["export-voice", str(_readable(audio, Path(folder))), str(out), "--config", str(runtime)]
        try:
            done = run([*command.arguments(seed=0), *arguments], child_environment(), timeout)
        except TookTooLong:
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


def manifest_entry(
    path: Path, folder: Path, *, licence: str = "all rights reserved", attribution: str = "", right: str = ""
) -> dict[str, Any]:
    """Return the entry of voices/manifest.json for a recording; `folder` is that of the manifest.

    A licence that allows commercial use is for a person to declare, so the entry says that none does. Raises
    `VoiceError` for a recording that is not fit for a voice.
    """
    check_recording(path)
    return {
        "source": {"type": "audio", "path": os.path.relpath(path, folder), "sha256": sha256_file(path)},
        "licence": licence,
        "commercial": False,
        "attribution": attribution,
        "right": right,
    }


def id_of(path: Path) -> str:
    """Return an id for the voice of a recording, from its file name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-") or "mine"
