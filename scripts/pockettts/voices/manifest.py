"""The voice manifest: which voices there are, where each comes from, and what its licence permits."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pockettts.errors import UnknownVoice, VoiceError
from pockettts.files import read_json, sha256_file
from pockettts.models import HubFile, ModelEntry


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
    """One entry of voices/manifest.json. `right` is why a recording may be used, `licence_source` the evidence."""

    id: str
    source: Predefined | Recording
    licence: str
    commercial: bool
    attribution: str
    right: str | None = None
    licence_source: str | None = None


def load_voices(path: Path) -> dict[str, Voice]:
    """Read voices/manifest.json; paths of recordings are relative to it. Raises `VoiceError`."""
    document = read_json(path, "the voice manifest", VoiceError, unique=True)
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
            raise VoiceError(f"{where}: unknown field {key!r}; the fields are {', '.join(_FIELDS)}.")
        if not isinstance(value, _FIELDS[key]):
            raise VoiceError(f"{where}: {key} must be of type {_FIELDS[key].__name__}.")
    for key in ("source", "licence", "commercial", "attribution"):
        if key not in values:
            raise VoiceError(f"{where}: the field {key!r} is missing.")
    source = _source(values["source"], where, path.parent)
    right = values.get("right", "").strip() or None
    if isinstance(source, Recording) and right is None:
        raise VoiceError(
            f"{where}: the field 'right' is missing: write why you may use this recording (your own voice, the consent "
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
    """Raise `VoiceError` when the build is commercial and the voice's licence forbids that."""
    if commercial and not voice.commercial:
        raise VoiceError(
            f"The voice {voice.id!r} may not be used commercially (licence: {voice.licence}), and the configuration "
            "has commercial: true. Choose a different voice, or set commercial: false for private use."
        )


def licence_notice(voice: Voice) -> str | None:
    """Return the notice that ends a build whose voice forbids commercial use, else None."""
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
            "'bundled' or a recording of your own (voices/README.md), or a different model."
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
            f"The recording {path} of the voice {voice.id!r} has the sha256 {actual}, but voices/manifest.json has "
            f"{voice.source.sha256}. Restore the file, or correct the entry if the change is intended."
        )
    return actual
