"""From a model to a bundle: the same bytes on every run, and never half a bundle.

The rule, the script and the command line call `export_onnx`. It writes a bundle into a temporary folder beside its
destination, which it then renames.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import multiprocessing
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pockettts.bundle import FORMAT, GRAPHS, MANIFEST, OPSET, QUANTIZED, Bundle, Precision, file_name, read_bundle
from pockettts.engines.pieces import read_runtime_config
from pockettts.errors import BundleError, ModelError
from pockettts.export import graphs
from pockettts.export.quantize import quantize
from pockettts.export.tokens import tokenizer_files
from pockettts.files import remove_leftovers, sha256_file, temporary_path, write_json
from pockettts.upstream import MIN_FRAMES_BEFORE_EOS
from pockettts.values import one_line

IR_VERSION = 8  # runtimes since 2024 read it, that of sherpa-onnx included
VOICE_ROWS = 1000  # the size of the caches that clients reserve for a voice
_DYNAMIC = torch.export.Dim.DYNAMIC
_VERSIONS = ("pocket-tts", "torch", "onnx", "onnx-ir", "onnxscript", "onnxruntime")
_LIMIT = 2**31 - 1  # of a protobuf file
_MIN_SHARED_BYTES = 256  # a smaller weight is copied


@dataclass(frozen=True, slots=True)
class Plan:
    """How one graph is exported: example inputs, names, and which axes vary."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    varying: dict[str, dict[int, Any]]
    specs: Sequence[graphs.StateSpec] = ()


def load_model(runtime: Path) -> Any:
    """Load a model with pocket-tts. Raises `ModelError`."""
    from pocket_tts import TTSModel

    try:
        return TTSModel.load_model(config=runtime).eval()
    # Upstream raises exceptions of many types for a bad file.
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise ModelError(f"pocket-tts cannot load {runtime} ({reason}).") from None


def export_onnx(runtime: Path, out: Path, *, precision: Precision = "fp32", language: str = "en") -> Bundle:
    """Export the model that `runtime` configures into the folder `out`, which is replaced.

    Raises `ModelError`, and `BundleError` for a model that cannot be exported; `out` is then unchanged.
    """
    tokenizer = tokenizer_files(read_runtime_config(runtime))
    model = load_model(runtime)
    return write_bundle(model, export_graphs(model), tokenizer, out, precision=precision, language=language)


def export_graphs(model: Any) -> dict[str, onnx.ModelProto]:
    """Return the fp32 graphs of a loaded model, by name.

    On a machine with two processors a child process exports some of them, because the exporter is Python in one thread.
    Raises `BundleError` if that process is killed.
    """
    all_plans = plans(model)
    if sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        return {name: export_graph(plan) for name, plan in all_plans.items()}
    child_plans = {name: plan for name, plan in all_plans.items() if name not in PARENT_GRAPHS}
    # The child is forked, because the modules of the graphs cannot be pickled.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context, _start_child, (child_plans,)) as child:
        child_result = child.submit(_export_in_child)
        exported = {name: export_graph(all_plans[name]) for name in PARENT_GRAPHS}
        try:
            content = child_result.result()
        except BrokenProcessPool:
            raise BundleError("A process of the export was killed: is there enough memory?") from None
    exported |= {name: onnx.ModelProto.FromString(data) for name, data in content.items()}
    return {name: exported[name] for name in GRAPHS}


PARENT_GRAPHS = ("flow_lm_main", "flow_lm_step")
"""Graphs that the parent process exports: they are large, and about half of the work."""
_child_plans: dict[str, Plan] = {}


def _start_child(child_plans: Mapping[str, Plan]) -> None:
    # A fork does not copy the threads of the parent, and PyTorch would wait for them forever.
    torch.set_num_threads(1)
    _child_plans.update(child_plans)


def _export_in_child() -> dict[str, bytes]:
    return {name: export_graph(plan).SerializeToString(deterministic=True) for name, plan in _child_plans.items()}


def write_bundle(
    model: Any,
    exported: Mapping[str, onnx.ModelProto],
    tokenizer: Mapping[str, bytes],
    out: Path,
    *,
    precision: Precision,
    language: str,
) -> Bundle:
    """Write the fp32 graphs of a model as a bundle of any precision; `tokenizer` maps file names to content."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = temporary_path(out)
    remove_leftovers(out)
    try:
        folder.mkdir()
        for name, content in tokenizer.items():
            (folder / name).write_bytes(content)
        _write(model, exported, folder, precision, language)
        shutil.rmtree(out, ignore_errors=True)
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return read_bundle(out)


def _write(
    model: Any, exported: Mapping[str, onnx.ModelProto], folder: Path, precision: Precision, language: str
) -> None:
    width = max(graphs.CLIENT_WIDTH, model.flow_lm.dim)
    np.save(folder / "bos_before_voice.npy", np.zeros((1, 1, width), np.float32))
    described = {}
    states = {}
    for name, plan in plans(model).items():
        proto = exported[name]
        if precision == "int8" and name in QUANTIZED:
            proto = quantize(proto)
        file = folder / file_name(name, precision)
        if name == "flow_lm_step":
            proto = share_weights(proto, folder / file_name("flow_lm_main", precision))
        write_graph(proto, file)
        states[name] = describe_states(plan.specs)
        described[name] = {"file": file.name, **describe_graph(proto), "states": states[name]}
    facts = {
        "latent_dim": model.flow_lm.ldim,
        "conditioning_dim": width,
        "sample_rate": model.sample_rate,
        "samples_per_frame": model.mimi.frame_size,
    }
    config = model.config
    write_json(
        folder / "bundle.json",
        {
            "schema_version": 2,
            "bundle_name": f"pockettts-{precision}",
            "language": language,
            **facts,
            "frame_rate": model.mimi.frame_rate,
            "max_token_per_chunk": 50,
            "tokenizer_file": "tokenizer.model",
            "insert_bos_before_voice": False,
            "bos_before_voice_file": "bos_before_voice.npy",
            "pad_with_spaces_for_short_inputs": config.pad_with_spaces_for_short_inputs,
            "remove_semicolons": config.remove_semicolons,
            "model_recommended_frames_after_eos": config.model_recommended_frames_after_eos,
            "default_temperature": config.default_temperature,
            "predefined_voices": [],
            "flow_lm_state_manifest": _for_clients(states["flow_lm_main"]),
            "mimi_state_manifest": _for_clients(states["mimi_decoder"]),
        },
    )
    write_json(
        folder / MANIFEST,
        {
            "format": FORMAT,
            "precision": precision,
            "opset": OPSET,
            "exporter": {name: importlib.metadata.version(name).split("+")[0] for name in _VERSIONS},
            **facts,
            "tokens": config.flow_lm.lookup_table.n_bins,
            "flow": config.flow_lm.flow.type,
            "eos": {
                "scale": graphs.EOS_SCALE,
                "shift": graphs.EOS_SHIFT,
                "threshold": config.default_eos_threshold,
                "min_frames": MIN_FRAMES_BEFORE_EOS,
            },
            "graphs": described,
            "files": {
                path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
                for path in sorted(folder.iterdir())
            },
        },
        seal=True,
    )


def describe_states(specs: Sequence[graphs.StateSpec]) -> list[dict[str, Any]]:
    """Return the states of a graph in the form of the manifest."""
    return [
        {
            "input_name": f"state_{index}",
            "output_name": f"out_state_{index}",
            "module": spec.module,
            "key": spec.key,
            "shape": list(spec.shape),
            "dtype": str(spec.dtype).removeprefix("torch."),
            "fill": "zeros",
        }
        for index, spec in enumerate(specs)
    ]


def _for_clients(states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the states in the form of bundle.json: with an index and a path, and room for a voice."""
    return [
        {
            **state,
            "index": index,
            "path": f"{state['module']}/{state['key']}",
            "shape": [size or VOICE_ROWS for size in state["shape"]],
        }
        for index, state in enumerate(states)
    ]


# --- graphs -------------------------------------------------------------------------------------------------------


def plans(model: Any) -> dict[str, Plan]:
    """Return how each graph is exported, in the order of `GRAPHS`."""
    latent, width = model.flow_lm.ldim, max(graphs.CLIENT_WIDTH, model.flow_lm.dim)
    conditioned = model.flow_lm.out_eos.in_features
    main, step, decoder = graphs.FlowLMMain(model), graphs.FlowLMStep(model), graphs.MimiDecoder(model)
    by_name = {
        "text_conditioner": Plan(
            graphs.TextConditioner(model, width),
            {"token_ids": torch.zeros(1, 3, dtype=torch.int64)},
            ("text_embeddings",),
            {"token_ids": {1: _DYNAMIC}},
        ),
        "flow_lm_main": Plan(
            main,
            {"sequence": torch.zeros(1, 2, latent), "text_embeddings": torch.zeros(1, 3, width)},
            ("conditioning", "eos_logit"),
            {"sequence": {1: _DYNAMIC}, "text_embeddings": {1: _DYNAMIC}},
            main.specs,
        ),
        "flow_lm_step": Plan(
            step,
            {
                "sequence": torch.zeros(2, 2, latent),
                "text_embeddings": torch.zeros(2, 3, width),
                "last_row": torch.full((2,), 4, dtype=torch.int32),
                "rows": torch.tensor(5, dtype=torch.int32),
            },
            ("conditioning", "eos_logit"),
            {
                "sequence": {0: _DYNAMIC, 1: _DYNAMIC},
                "text_embeddings": {0: _DYNAMIC, 1: _DYNAMIC},
                "last_row": {0: _DYNAMIC},
            },
            step.specs,
        ),
        "flow_lm_flow": Plan(
            graphs.FlowLMFlow(model),
            {
                "c": torch.zeros(2, conditioned),
                "s": torch.zeros(1, 1),
                "t": torch.ones(1, 1),
                "x": torch.zeros(2, latent),
            },
            ("flow_dir",),
            {"c": {0: _DYNAMIC}, "x": {0: _DYNAMIC}},
        ),
        "mimi_encoder": Plan(
            graphs.MimiEncoder(model, width),
            {"audio": torch.zeros(1, 1, 3 * model.mimi.frame_size + 7)},
            ("conditioning",),
            {"audio": {2: _DYNAMIC}},
        ),
        "mimi_decoder": Plan(
            decoder, {"latent": torch.zeros(1, 3, latent)}, ("audio_frame",), {"latent": {1: _DYNAMIC}}, decoder.specs
        ),
    }
    return {name: by_name[name] for name in GRAPHS}


def export_graph(plan: Plan) -> onnx.ModelProto:
    """Return a module as a graph, the same one at every export."""
    examples, varying = [], []
    for spec in plan.specs:
        example = spec.zeros()
        if spec.varies:
            # Two takes where several are possible: from one, the exporter would conclude that there is always one.
            sizes = {0: 2, 2: 5}
            example = torch.zeros([sizes[i] if i in spec.varies else size for i, size in enumerate(spec.shape)])
        elif spec.key == "step":
            example = torch.full(spec.shape, 4, dtype=spec.dtype)
        examples.append(example)
        varying.append(dict.fromkeys(spec.varies, _DYNAMIC) or None)
    shapes: dict[str, Any] = {name: plan.varying.get(name) for name in plan.inputs}
    if plan.specs:
        shapes["states"] = tuple(varying)
    count = len(plan.specs)
    with torch.no_grad(), _quietly():
        program = torch.onnx.export(
            plan.module.eval(),
            (*plan.inputs.values(), *examples),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=[*plan.inputs, *(f"state_{index}" for index in range(count))],
            output_names=[*plan.outputs, *(f"out_state_{index}" for index in range(count))],
            dynamic_shapes=shapes,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    return clean(program.model_proto)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence the exporter's progress and its warnings about its own internals."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what differs between machines, such as stack traces with paths, and set the IR version to `IR_VERSION`.

    The axes that vary get fixed names, because the exporter numbers them differently on each run.
    """
    model.ir_version = IR_VERSION
    model.producer_version = ""
    model.doc_string = ""
    del model.metadata_props[:]
    _clean_graph(model.graph)
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value"):
                dim.dim_param = f"{value.name}_{axis}"
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        _clean_nodes(function.node)
    return model


def _clean_graph(graph: onnx.GraphProto) -> None:
    graph.doc_string = ""
    for holder in (graph, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        holder.doc_string = ""
        del holder.metadata_props[:]
    _clean_nodes(graph.node)


def _clean_nodes(nodes: Any) -> None:
    for node in nodes:
        node.doc_string = ""
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _clean_graph(attribute.g)


def write_graph(model: onnx.ModelProto, path: Path) -> None:
    """Write a graph, the same bytes for the same graph. Raises `BundleError` for a graph over 2 GB."""
    if model.ByteSize() > _LIMIT:
        raise BundleError(f"The graph {path.name} has more than 2 GB, which one file cannot hold; export it as int8.")
    path.write_bytes(model.SerializeToString(deterministic=True))


def share_weights(model: onnx.ModelProto, file: Path) -> onnx.ModelProto:
    """Return a graph that refers to the weights in `file`, a graph of the same folder, if the bytes are the same."""
    content = file.read_bytes()
    shared = onnx.ModelProto()
    shared.CopyFrom(model)
    after = 0
    for tensor in shared.graph.initializer:
        raw = tensor.raw_data
        if len(raw) < _MIN_SHARED_BYTES:
            continue
        # Both graphs have nearly the same order of weights, and a search from the start of a gigabyte takes long.
        place = _find(content, raw, after)
        if place < 0:
            place = _find(content, raw, 0)
        if place >= 0:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", file.name), ("offset", place), ("length", len(raw))):
                tensor.external_data.add(key=key, value=str(value))
            after = place + len(raw)
    return shared


def _find(content: bytes, raw: bytes, start: int) -> int:
    """Return where `raw` is in `content`, at `start` or later; -1 if nowhere."""
    head = raw[:_MIN_SHARED_BYTES]
    place = content.find(head, start)
    while place >= 0 and content[place : place + len(raw)] != raw:
        place = content.find(head, place + 1)
    return place


def describe_graph(model: onnx.ModelProto) -> dict[str, Any]:
    """Return the inputs and outputs of a graph: names, types and shapes, with names for axes that vary."""
    return {"inputs": _describe(model.graph.input), "outputs": _describe(model.graph.output)}


def _describe(values: Any) -> list[dict[str, Any]]:
    described = []
    for value in values:
        tensor = value.type.tensor_type
        shape = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in tensor.shape.dim]
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
        described.append({"name": value.name, "dtype": dtype, "shape": shape})
    return described
