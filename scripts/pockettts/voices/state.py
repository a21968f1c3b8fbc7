"""Voice states: whether a .safetensors file holds the voice of the locked model, and nothing but numbers.

pocket-tts loads the voice of a different model without complaint and speaks garbage with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pockettts.errors import VoiceError
from pockettts.files import read_json, sha256_file
from pockettts.models import Lock


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
    if not caches and "audio_prompt" in tensors:
        raise VoiceError(
            f"The voice file {path} is in the format of pocket-tts 1.0 (a tensor audio_prompt), which later versions "
            "cannot load: export the voice again from its recording, or fetch the model's predefined voice."
        )
    if sorted(caches) != list(range(layers)):
        raise VoiceError(
            f"The voice file {path} was made for a different model: it has {len(caches)} layers, "
            f"this model has {layers}."
        )
    frames = caches[0][2] if len(caches[0]) == 5 else 0
    for layer, shape in caches.items():
        if frames == 0 or shape != (2, 1, frames, heads, width):
            raise VoiceError(
                f"The voice file {path} was made for a different model: layer {layer} has the shape {list(shape)}, "
                f"this model needs [2, 1, frames, {heads}, {width}]."
            )
    return frames


def check_values(path: Path) -> None:
    """Raise `VoiceError` for a state that holds NaN or infinity, or claims more frames than it has.

    The length in use is `offset`; a cache may be longer, and the rest does not count.
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
                raise VoiceError(f"The voice file {path} claims {used} frames but holds {cache.shape[2]}.")
            if not np.isfinite(cache[:, :, :used]).all():
                raise VoiceError(f"The voice file {path} holds values that are not numbers.")


def check_source(path: Path, sidecar: Mapping[str, Any], pin: Mapping[str, str]) -> None:
    """Hold a voice against the pin that names the takes of a build. Raises `VoiceError`."""
    if sidecar.get("source") != pin:
        raise VoiceError(
            f"The voice file {path} was made of a different recording than the one this build was planned with: delete"
            " it and run again."
        )


def check_voice(path: Path, lock: Lock, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sidecar of a voice file that belongs to the locked model; otherwise raise `VoiceError`.

    `config` is the model's configuration, as in runtime.yaml.
    """
    frames = check_shapes(path, read_tensors(path), config)
    sidecar = read_json(path.with_suffix(".json"), "the sidecar of the voice", VoiceError)
    if not isinstance(sidecar, dict):
        raise VoiceError(f"The sidecar of the voice {path} is not an object; delete it and run again.")
    if sidecar.get("model_lock") != lock.digest:
        raise VoiceError(
            f"The voice file {path} was made with a different state of the model {lock.model!r} (lock "
            f"{sidecar.get('model_lock')}, now {lock.digest}); delete it and run again."
        )
    if sidecar.get("frames") != frames or sidecar.get("sha256") != sha256_file(path):
        raise VoiceError(f"The voice file {path} differs from its sidecar; delete it and run again.")
    return sidecar
