"""The files of an exported model, and whether they are complete. Needs neither PyTorch nor onnx.

A bundle is a folder:

    text_conditioner.onnx, flow_lm_main.onnx, flow_lm_flow.onnx, mimi_encoder.onnx, mimi_decoder.onnx
        main, flow and decoder are NAME_int8.onnx in a bundle of precision int8
    flow_lm_step.onnx or flow_lm_step_int8.onnx        flow_lm_main for engine onnx; its weights are in that file
    tokenizer.model, vocab.json, token_scores.json     the same tokenizer for SentencePiece and for sherpa-onnx
    bos_before_voice.npy                               zeros: mimi_encoder already adds this frame
    bundle.json                                        the settings that clients such as pocketsynth read
    manifest.json                                      every file's sha256, and the inputs and outputs of the graphs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pockettts.errors import BundleError
from pockettts.files import read_json, sha256_file, write_bytes

Precision = Literal["fp32", "int8"]

FORMAT = "pockettts-onnx-3"
OPSET = 18
GRAPHS = ("text_conditioner", "flow_lm_main", "flow_lm_step", "flow_lm_flow", "mimi_encoder", "mimi_decoder")
QUANTIZED = ("flow_lm_main", "flow_lm_step", "flow_lm_flow", "mimi_decoder")
MAX_ROWS = 4096
"""Rows that flow_lm_step has positions for, of voice, text and frames together: five minutes and a half."""
INT8_WEIGHT_LIMIT = 64
"""The largest absolute value of a weight of precision int8: twice 255 times it fits in 16 bits."""
MANIFEST = "manifest.json"
AGAIN = "delete the folder and export the model again"


@dataclass(frozen=True, slots=True)
class State:
    """One state of a graph: its input, the output that feeds the next call, and its initial value."""

    input_name: str
    output_name: str
    module: str
    key: str
    shape: tuple[int, ...]
    dtype: str
    fill: str

    def initial(self) -> npt.NDArray[Any]:
        """Return the value before the first call."""
        return np.zeros(self.shape, np.dtype(self.dtype))

    def rows_of(self, cache: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return a state of flow_lm_step, [1, heads, rows, width], from a voice's cache, [2, 1, rows, heads, head].

        Its heads may be wider than those of the model; they are padded with zeros.
        """
        part = cache[("keys", "values").index(self.key)].transpose(0, 2, 1, 3)
        wider = self.shape[3] - part.shape[3]
        return np.ascontiguousarray(np.pad(part, ((0, 0), (0, 0), (0, 0), (0, wider))), np.float32)


@dataclass(frozen=True, slots=True)
class Bundle:
    """An exported model on disk. `manifest` is the content of manifest.json."""

    folder: Path
    precision: Precision
    graphs: Mapping[str, Path]
    flow_lm_states: tuple[State, ...]
    step_states: tuple[State, ...]
    mimi_states: tuple[State, ...]
    latent_dim: int
    conditioning_dim: int
    samples_per_frame: int
    manifest: Mapping[str, Any]

    def eos(self, value: float) -> float:
        """Return the model's logit of the end of speech for a value of `eos_logit` other than EOS_NEVER."""
        eos = self.manifest["eos"]
        return float((value - eos["shift"]) / eos["scale"] + eos["threshold"])


def file_name(graph: str, precision: Precision) -> str:
    """Return the file name of a graph. Clients expect these names."""
    return f"{graph}_int8.onnx" if precision == "int8" and graph in QUANTIZED else f"{graph}.onnx"


def copy_manifest(folder: Path, out: Path) -> None:
    """Copy the manifest of a bundle to a file beside its folder, in which a build sees that the bundle has changed."""
    write_bytes(out, (folder / MANIFEST).read_bytes())


def read_bundle(folder: Path, *, check: bool = True) -> Bundle:
    """Read a bundle, and with `check` verify the sha256 of every file. Raises `BundleError`."""
    manifest = read_json(folder / MANIFEST, "the manifest of the exported model", BundleError)
    try:
        if manifest["format"] != FORMAT:
            raise BundleError(
                f"{folder} is of the format {manifest['format']}, and this version reads {FORMAT}: {AGAIN}."
            )
        if manifest["opset"] != OPSET:
            raise BundleError(f"The graphs of {folder} are of opset {manifest['opset']}, not {OPSET}: {AGAIN}.")
        bundle = Bundle(
            folder=folder,
            precision=manifest["precision"],
            graphs={name: folder / manifest["graphs"][name]["file"] for name in GRAPHS},
            flow_lm_states=_states(manifest["graphs"]["flow_lm_main"]),
            step_states=_states(manifest["graphs"]["flow_lm_step"]),
            mimi_states=_states(manifest["graphs"]["mimi_decoder"]),
            latent_dim=manifest["latent_dim"],
            conditioning_dim=manifest["conditioning_dim"],
            samples_per_frame=manifest["samples_per_frame"],
            manifest=manifest,
        )
        files: dict[str, dict[str, Any]] = dict(manifest["files"])
        if missing := {path.name for path in bundle.graphs.values()} - set(files):
            raise BundleError(f"{folder / MANIFEST} has no sha256 of {min(missing)}: {AGAIN}.")
        for name, facts in files.items():
            _check_file(folder / name, facts["bytes"], facts["sha256"] if check else None)
        if check:
            _check_tokenizer(folder, manifest["tokens"])
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{folder / MANIFEST} is not a manifest of an exported model ({error!r}): {AGAIN}.") from None
    return bundle


def _states(graph: Mapping[str, Any]) -> tuple[State, ...]:
    return tuple(State(**{**state, "shape": tuple(state["shape"])}) for state in graph["states"])


def _check_file(path: Path, size: int, sha256: str | None) -> None:
    if not path.is_file():
        raise BundleError(f"The exported model has no {path}: {AGAIN}.")
    if path.stat().st_size != size:
        raise BundleError(f"{path} has {path.stat().st_size:,} bytes and not {size:,} as in its manifest: {AGAIN}.")
    if sha256 is not None and sha256_file(path) != sha256:
        raise BundleError(f"{path} was altered: its sha256 is not the one in its manifest; {AGAIN}.")


def _check_tokenizer(folder: Path, tokens: int) -> None:
    import sentencepiece

    path = folder / "tokenizer.model"
    try:
        size = sentencepiece.SentencePieceProcessor(str(path)).vocab_size()
    # The library raises exceptions of many types.
    except Exception as error:
        raise BundleError(f"The tokenizer {path} cannot be loaded ({error}): {AGAIN}.") from None
    if size != tokens:
        raise BundleError(f"The tokenizer {path} has {size} tokens and the model {tokens}: {AGAIN}.")
    for name in ("vocab.json", "token_scores.json"):
        if (count := len(read_json(folder / name, "the list of tokens", BundleError))) != tokens:
            raise BundleError(f"{folder / name} has {count} tokens and the model {tokens}: {AGAIN}.")
