"""Voices: from the voice manifest to a voice file that is proven to belong to the locked model.

    voices/manifest.json -> resolve_voice -> export_voice -> results/voices/{model}/{voice}.safetensors and .json

A voice file is the state of one model after listening to a recording. A sidecar beside it names the model lock that it
was made with.
"""

from pockettts.voices.export import export_voice
from pockettts.voices.manifest import (
    Predefined,
    Recording,
    Voice,
    check_licence,
    embedding,
    licence_notice,
    load_voices,
    resolve_voice,
    voice_pin,
)
from pockettts.voices.recording import RecordingQuality, check_recording, id_of, manifest_entry
from pockettts.voices.state import check_shapes, check_source, check_values, check_voice, expected_layers, read_tensors

__all__ = [
    "Predefined",
    "Recording",
    "RecordingQuality",
    "Voice",
    "check_licence",
    "check_recording",
    "check_shapes",
    "check_source",
    "check_values",
    "check_voice",
    "embedding",
    "expected_layers",
    "export_voice",
    "id_of",
    "licence_notice",
    "load_voices",
    "manifest_entry",
    "read_tensors",
    "resolve_voice",
    "voice_pin",
]
