"""A bundle against PyTorch: whether every graph is whole and says what the model says.

Each check compares arrays by two figures: the largest absolute difference, and the RMS of the difference over the RMS
of what PyTorch gives. The limits are several times what was measured with the full-size architecture (fp32 1e-6, int8
some per cent), and those of fp32 are far below what any fault of a graph does: see the mutations in the tests.

Free-running frames are compared for a short time only, and for fp32 only: the loop is chaotic, and a difference in the
last bit grows until nothing is left to compare. Elsewhere both sides hear the same frames. What int8 does to speech is
heard: see `listen`. A decoder may lose more in float32 than the limit, whoever computes it: then twice what PyTorch
itself loses against float64 is the limit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch

from pockettts.audio.wav import read_wav
from pockettts.bundle import GRAPHS, OPSET, Bundle, State, read_bundle
from pockettts.errors import BundleError
from pockettts.export import graphs
from pockettts.export.export import describe_graph, load_model
from pockettts.export.listen import listen, speak_both
from pockettts.files import write_json, write_text
from pockettts.upstream import MIN_FRAMES_BEFORE_EOS

Array = npt.NDArray[Any]

STEPS = 40
FREE_FRAMES = 12
CHUNKINGS = ((40,), (1,) * 40, (2, 8, 15, 15))
ENCODER_SAMPLES = (1, 48_777, 57_600)
RANDOM_ROWS = ((9, 17), (14, 3))
"""Frames and tokens of the calls with random inputs."""
TEXT = "It was a bright cold day in April, and the clocks were striking thirteen."

LIMITS: Mapping[str, Mapping[str, float]] = {
    "fp32": {
        "text_conditioner": 1e-6,
        "mimi_encoder": 2e-5,
        "flow_lm_main": 2e-5,
        "flow_lm_flow": 2e-5,
        "mimi_decoder": 2e-5,
        "voice": 2e-5,
        "speech": 1e-3,
    },
    "int8": {
        "text_conditioner": 1e-6,
        "mimi_encoder": 2e-5,
        "flow_lm_main": 0.1,
        "flow_lm_flow": 0.2,
        "mimi_decoder": 0.1,
        "voice": 0.1,
    },
}
"""The largest relative RMS of a difference, by what is compared. A difference anywhere may be ten times the RMS."""
_PEAK = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: its figures, the limit of the relative RMS, and whether it passed. `note` says what failed."""

    name: str
    passed: bool
    max_abs: float | None = None
    relative_rms: float | None = None
    limit: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of a bundle."""

    precision: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def require(self, folder: Path) -> None:
        """Raise `BundleError` if a check of the bundle in `folder` failed."""
        failed = [check for check in self.checks if not check.passed]
        if failed:
            more = f" and {len(failed) - 1} other checks" if len(failed) > 1 else ""
            raise BundleError(f"{folder} does not say what the model says: the check {failed[0].name!r}{more} failed.")

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the report as JSON."""
        checks = [asdict(check) for check in self.checks]
        return {"precision": self.precision, "passed": self.passed, "checks": checks}

    def table(self) -> str:
        """Return the report for readers."""
        lines = [f"{'check':<52} {'max abs':>9} {'rel RMS':>9} {'limit':>9}"]
        for check in self.checks:
            figures = (check.max_abs, check.relative_rms, check.limit)
            cells = " ".join(f"{'' if figure is None else format(figure, '.1e'):>9}" for figure in figures)
            lines.append(f"{check.name:<52} {cells}  {'ok' if check.passed else 'FAILED'} {check.note}".rstrip())
        return "\n".join(lines) + "\n"


def verify_onnx(folder: Path, runtime: Path, recording: Path, out: Path) -> Report:
    """Verify the bundle in `folder` against the model that `runtime` configures, and write the report.

    `recording` is the sound that a voice is made of, and `out` the JSON, beside which NAME.txt has the table. The
    report may be of a failure: see `Report.require`. Raises `BundleError`, `ModelError` and `AudioError`.
    """
    bundle = read_bundle(folder)
    samples = read_wav(recording).astype(np.float32) / np.float32(32768)
    model = load_model(runtime)
    report = verify(bundle, model, samples)
    if bundle.precision == "int8" and report.passed:
        spoken = speak_both(folder, runtime, model, samples)
        heard = tuple(Check(f"speech: {what}", passed, note=told) for what, passed, told in listen(spoken))
        report = replace(report, checks=(*report.checks, *heard))
    write_json(out, report.as_dict())
    write_text(out.with_suffix(".txt"), report.table())
    return report


def verify(bundle: Bundle, model: Any, recording: npt.NDArray[np.float32]) -> Report:
    """Return the checks of a bundle against a model; `recording` is mono, at the model's rate."""
    torch.set_num_threads(1)
    checks = list(check_graphs(bundle))
    if all(check.passed for check in checks):
        with torch.no_grad():
            for comparison in Comparison(bundle, model, recording).all():
                checks += attempt(comparison)
    return Report(bundle.precision, tuple(checks))


def attempt(comparison: Callable[[], list[Check]]) -> list[Check]:
    """Return the checks of a comparison; a graph that cannot run has failed one of that name."""
    try:
        return comparison()
    # What ONNX Runtime raises shares no other base.
    except Exception as error:
        return [Check(comparison.__name__, False, note=" ".join(str(error).split()))]


# --- each graph by itself -----------------------------------------------------------------------------------------


def check_graphs(bundle: Bundle) -> Iterator[Check]:
    """Check that each graph is valid, is what the manifest says, and runs on a dummy input."""
    for name in GRAPHS:
        note = ""
        try:
            _check_graph(bundle, name)
        except BundleError as error:
            note = str(error)
        yield Check(f"{name}: valid, as in the manifest, runs", not note, note=note)


def _check_graph(bundle: Bundle, name: str) -> None:
    path = bundle.graphs[name]
    try:
        proto = onnx.load(path)
        onnx.checker.check_model(proto, full_check=True)
    # Of protobuf or of the checker, with no other base.
    except Exception as error:
        raise BundleError(f"{path} is not a whole ONNX graph ({' '.join(str(error).split())}).") from None
    opset = max(item.version for item in proto.opset_import if item.domain in ("", "ai.onnx"))
    if opset != OPSET:
        raise BundleError(f"{path} is of opset {opset}, not {OPSET}.")
    if (largest := largest_pair_sum(proto)) > np.iinfo(np.int16).max:
        raise BundleError(f"{path} has weights of which two products sum to {largest:,}, which 16 bits cannot hold.")
    told = bundle.manifest["graphs"][name]
    if describe_graph(proto) != {key: told[key] for key in ("inputs", "outputs")}:
        raise BundleError(f"{path} has other inputs or outputs than its manifest says.")
    states = {state["input_name"]: tuple(state["shape"]) for state in told["states"]}
    feed = {}
    for value in told["inputs"]:
        shape = states.get(value["name"], tuple(size if isinstance(size, int) else 1 for size in value["shape"]))
        feed[value["name"]] = np.zeros(shape, value["dtype"])
    if "t" in feed:
        feed["t"] += 1
    if "rows" in feed:
        feed["last_row"] += 1
        feed["rows"] += 2
    try:
        results = Session(path).run(feed)
    except Exception as error:
        raise BundleError(f"ONNX Runtime cannot run {path} ({' '.join(str(error).split())}).") from None
    for key, result in results.items():
        if not np.isfinite(result).all():
            raise BundleError(f"{path} gives values that are not numbers in {key}.")


def largest_pair_sum(proto: onnx.ModelProto) -> int:
    """Return the largest absolute sum of two neighboring products that any input can cause in MatMulInteger.

    Kernels for x86 without VNNI add two products in 16 bits, and clip what does not fit. 0 without such an operator.
    """
    names = {node.input[1] for node in proto.graph.node if node.op_type == "MatMulInteger"}
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer if tensor.name in names]
    sizes = (np.abs(weight.astype(np.int64)) for weight in weights)
    return max((255 * int((size[:-1] + size[1:]).max(initial=0)) for size in sizes), default=0)


class Session:
    """One graph in ONNX Runtime, on one thread."""

    def __init__(self, path: Path, states: Sequence[State] = ()) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [value.name for value in self._session.get_outputs()]
        self.states = states

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs by name."""
        return dict(zip(self._names, self._session.run(None, dict(feed)), strict=True))

    def start(self) -> dict[str, Array]:
        """Return the states before the first call."""
        return {state.input_name: state.initial() for state in self.states}

    def step(self, feed: Mapping[str, Array], states: dict[str, Array]) -> dict[str, Array]:
        """Return the outputs by name, and put the states for the next call into `states`."""
        results = self.run({**feed, **states})
        for state in self.states:
            states[state.input_name] = results[state.output_name]
        return results


def open_sessions(bundle: Bundle) -> dict[str, Session]:
    """Return the graphs of a bundle in ONNX Runtime."""
    states = {
        "flow_lm_main": bundle.flow_lm_states,
        "flow_lm_step": bundle.step_states,
        "mimi_decoder": bundle.mimi_states,
    }
    return {name: Session(path, states.get(name, ())) for name, path in bundle.graphs.items()}


# --- against PyTorch ----------------------------------------------------------------------------------------------


def compare(name: str, got: Array, expected: Array, limit: float, level: float | None = None) -> Check:
    """Compare two arrays; `level` stands for the RMS of what is expected."""
    if got.shape != expected.shape:
        return Check(name, False, limit=limit, note=f"shape {got.shape} and not {expected.shape}")
    difference = np.asarray(got, np.float64) - expected
    if level is None:
        level = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64)))) or 1.0
    largest = float(np.abs(difference).max(initial=0))
    relative = float(np.sqrt(np.mean(np.square(difference)))) / level
    passed = relative <= limit and largest <= _PEAK * limit * level
    return Check(name, passed, largest, relative, limit)


class Comparison:
    """A bundle and the model it was made of, on the same random and real inputs."""

    def __init__(
        self,
        bundle: Bundle,
        model: Any,
        recording: npt.NDArray[np.float32],
        sessions: Mapping[str, Session] | None = None,
        text: str = TEXT,
    ) -> None:
        self.bundle, self.model = bundle, model
        self.flow_lm, self.mimi = model.flow_lm, model.mimi
        self.limits = LIMITS[bundle.precision]
        self.random = np.random.default_rng(0)
        self.sessions = sessions or open_sessions(bundle)
        samples = bundle.manifest["sample_rate"]
        self.recording = recording[: 3 * samples].reshape(1, 1, -1)
        with torch.no_grad():
            self.voice = self._voice()
        self.tokens = np.asarray([self.flow_lm.conditioner.tokenizer.encode(text)], np.int64)

    def all(self) -> tuple[Callable[[], list[Check]], ...]:
        """Return the comparisons, in the order of the data."""
        always = (
            self.text_conditioner,
            self.mimi_encoder,
            self.voice_state,
            self.random_rows,
            self.teacher_forced,
            self.flow_lm_step,
            self.flow_lm_flow,
            self.mimi_decoder,
        )
        return always if self.bundle.precision == "int8" else (*always, self.free_running)

    def noise(self, *shape: int) -> npt.NDArray[np.float32]:
        """Return random numbers, the same ones for every bundle."""
        return self.random.standard_normal(shape).astype(np.float32)

    def text_conditioner(self) -> list[Check]:
        """Compare the embeddings of random tokens and of a sentence."""
        limit = self.limits["text_conditioner"]
        some = self.random.integers(0, self.bundle.manifest["tokens"], (1, 17))
        checks = []
        for name, tokens in (("random tokens", some), ("a sentence", self.tokens)):
            got = self.sessions["text_conditioner"].run({"token_ids": tokens})["text_embeddings"]
            expected = self.flow_lm.conditioner(torch.from_numpy(tokens)).numpy()
            checks.append(compare(f"text_conditioner: {name}", got, self._wide(expected), limit))
        return checks

    def mimi_encoder(self) -> list[Check]:
        """Compare the conditioning of noise of several lengths, and of the recording."""
        inputs = {f"noise of {count:,} samples": 0.1 * self.noise(1, 1, count) for count in ENCODER_SAMPLES}
        inputs["a recording"] = self.recording
        checks = []
        for name, audio in inputs.items():
            got = self.sessions["mimi_encoder"].run({"audio": audio})["conditioning"]
            expected = self._wide(self._conditioning(audio))
            checks.append(compare(f"mimi_encoder: {name}", got, expected, self.limits["mimi_encoder"]))
        return checks

    def voice_state(self) -> list[Check]:
        """Compare the voice that the graphs make of a recording with PyTorch's."""
        voice, _ = self._heard()
        limit = self.limits["voice"]
        checks = []
        for state in self.bundle.flow_lm_states:
            if state.key == "cache":
                name = f"voice state: {state.module.removeprefix('transformer.')}"
                checks.append(compare(name, voice[state.input_name], self._cache(state), limit))
            elif state.key == "step":
                offset = self.voice[state.module]["offset"].numpy()
                if not np.array_equal(voice[state.input_name], offset):
                    checks.append(Check(f"voice state: {state.module}", False, note="another length"))
        return checks

    def random_rows(self) -> list[Check]:
        """Compare the condition after random text and random frames, of two calls, where nothing was heard before."""
        main = self.sessions["flow_lm_main"]
        states = main.start()
        got = [main.step(feed, states)["conditioning"] for feed, _ in self._random_calls()]
        return [self._compare_random("flow_lm_main", got)]

    def teacher_forced(self) -> list[Check]:
        """Compare the condition and the end of speech while both hear PyTorch's own frames, after PyTorch's voice."""
        latents, conditions, logits = self._speak(STEPS)
        states = self._imported()
        main = self.sessions["flow_lm_main"]
        self._prompt(states)
        sequence = np.full((1, 1, self.bundle.latent_dim), np.nan, np.float32)
        got_conditions, got_logits = [], []
        early = True
        for frame in range(STEPS):
            results = main.step({"sequence": sequence, "text_embeddings": self._nothing()}, states)
            got_conditions.append(results["conditioning"])
            told = float(results["eos_logit"][0, 0])
            if frame < MIN_FRAMES_BEFORE_EOS:
                early = early and told == graphs.EOS_NEVER
            else:
                got_logits.append([[self.bundle.eos(told)]])
            sequence = latents[frame]
        limit = self.limits["flow_lm_main"]
        # A logit may be near zero. The condition that it is a sum of is not: its weights give the measure.
        level = float(self.flow_lm.out_eos.weight.norm())
        eos = np.asarray(got_logits)
        return [
            compare(f"flow_lm_main: {STEPS} frames", np.asarray(got_conditions), conditions, limit),
            compare("flow_lm_main: end of speech", eos, logits[MIN_FRAMES_BEFORE_EOS:], limit, level),
            Check("flow_lm_main: no end in the first frames", early, note="" if early else "it may end at once"),
        ]

    def flow_lm_step(self) -> list[Check]:
        """Compare the same two with the graph of our engine, speech of two takes at once; both say the same here."""
        states = self.sessions["flow_lm_step"].start()
        got = [self._step_rows(feed, states, rows)["conditioning"] for feed, rows in self._random_calls()]
        checks = [self._compare_random("flow_lm_step", got)]
        latents, conditions, logits = self._speak(STEPS)
        text = self.sessions["text_conditioner"].run({"token_ids": self.tokens})["text_embeddings"]
        states = {s.input_name: s.rows_of(self._cache(s)) for s in self.bundle.step_states}
        known = next(iter(states.values())).shape[2]
        empty = np.zeros((1, 0, self.bundle.latent_dim), np.float32)
        self._step_rows({"sequence": empty, "text_embeddings": text}, states, known + text.shape[1])
        known += text.shape[1]
        states = {name: np.concatenate([state, state]) for name, state in states.items()}
        sequence = np.full((2, 1, self.bundle.latent_dim), np.nan, np.float32)
        nothing = np.zeros((2, 0, self.bundle.conditioning_dim), np.float32)
        got_conditions, got_logits = [], []
        for frame in range(STEPS):
            feed = {"sequence": sequence, "text_embeddings": nothing}
            results = self._step_rows(feed, states, known + frame + 1)
            got_conditions.append(results["conditioning"])
            got_logits.append(results["eos_logit"])
            sequence = np.concatenate([latents[frame]] * 2)
        limit = self.limits["flow_lm_main"]
        level = float(self.flow_lm.out_eos.weight.norm())
        expected = np.repeat(conditions, 2, axis=1)
        ends = np.repeat(logits, 2, axis=1)
        return [
            *checks,
            compare(f"flow_lm_step: {STEPS} frames of two takes", np.asarray(got_conditions), expected, limit),
            compare("flow_lm_step: end of speech", np.asarray(got_logits), ends, limit, level),
        ]

    def flow_lm_flow(self) -> list[Check]:
        """Compare the direction for random conditions and for those of speech."""
        _, conditions, _ = self._speak(8)
        width = conditions.shape[-1]
        checks = []
        for name, inputs in (("random conditions", self.noise(8, 1, width)), ("conditions of speech", conditions)):
            got, expected = [], []
            for condition in inputs:
                x = self.noise(1, self.bundle.latent_dim)
                got.append(x + self._flow(condition, 0.0, 1.0, x))
                expected.append(self._sampled(condition, x))
            limit = self.limits["flow_lm_flow"]
            checks.append(compare(f"flow_lm_flow: {name}", np.asarray(got), np.asarray(expected), limit))
        return checks

    def mimi_decoder(self) -> list[Check]:
        """Compare the sound of frames for three divisions into calls, each with PyTorch's sound of one call."""
        speech, _, _ = self._speak(STEPS)
        checks = []
        for name, latents in (("random frames", self.noise(1, STEPS, self.bundle.latent_dim)), ("speech", speech)):
            latents = latents.reshape(1, STEPS, -1)
            expected = self._decoded(latents)
            lost = compare("", expected, self._decoded(latents, torch.float64), 0).relative_rms or 0.0
            limit = max(self.limits["mimi_decoder"], 2 * lost)
            for sizes in CHUNKINGS:
                calls = "one call" if len(sizes) == 1 else f"{len(sizes)} calls"
                got = self._decode(latents, sizes)
                checks.append(compare(f"mimi_decoder: {name}, {calls}", got, expected, limit))
        return checks

    def free_running(self) -> list[Check]:
        """Compare speech from text to sound, each side hearing its own frames, with the same noise."""
        noise = self.noise(FREE_FRAMES, 1, self.bundle.latent_dim)
        expected = self._decoded(self._speak(FREE_FRAMES, noise)[0].reshape(1, FREE_FRAMES, -1))
        states = self._imported()
        self._prompt(states)
        sequence = np.full((1, 1, self.bundle.latent_dim), np.nan, np.float32)
        latents = []
        for x in noise:
            feed = {"sequence": sequence, "text_embeddings": self._nothing()}
            condition = self.sessions["flow_lm_main"].step(feed, states)["conditioning"]
            sequence = (x + self._flow(condition, 0.0, 1.0, x))[:, None]
            latents.append(sequence)
        got = self._decode(np.concatenate(latents, axis=1), (FREE_FRAMES,))
        return [compare(f"speech: {FREE_FRAMES} frames from text to sound", got, expected, self.limits["speech"])]

    def _random_calls(self) -> Iterator[tuple[dict[str, Array], int]]:
        """Yield the inputs of two calls, the same ones every time, and the rows that are known after each."""
        random = np.random.default_rng(1)
        rows = 0
        for frames, tokens in RANDOM_ROWS:
            sequence = random.standard_normal((1, frames, self.bundle.latent_dim)).astype(np.float32)
            text = random.standard_normal((1, tokens, self.flow_lm.dim)).astype(np.float32)
            rows += frames + tokens
            yield {"sequence": sequence, "text_embeddings": self._wide(text)}, rows

    def _compare_random(self, graph: str, got: Sequence[Array]) -> Check:
        from pocket_tts.modules.stateful_module import init_states

        count = sum(map(sum, RANDOM_ROWS))
        states: dict[str, Any] = init_states(self.flow_lm, batch_size=1, sequence_length=count)
        expected = []
        for feed, _ in self._random_calls():
            text = torch.from_numpy(feed["text_embeddings"][..., : self.flow_lm.dim])
            expected.append(self._hear(states, torch.from_numpy(feed["sequence"]), text).numpy())
        name = f"{graph}: {count} random rows in {len(RANDOM_ROWS)} calls"
        return compare(name, np.asarray(got), np.asarray(expected), self.limits["flow_lm_main"])

    # What PyTorch says.

    def spoken(self, count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the samples and the logits of the end of speech for so many frames at temperature zero."""
        with torch.no_grad():
            latents, _, logits = self._speak(count)
            return self._decoded(latents.reshape(1, count, -1)).reshape(-1), logits.reshape(-1)

    def _voice(self) -> Mapping[str, Any]:
        from pocket_tts.modules.stateful_module import init_states

        conditioning = torch.from_numpy(self._conditioning(self.recording))
        states: dict[str, Any] = init_states(self.flow_lm, batch_size=1, sequence_length=conditioning.shape[1])
        self._hear(states, torch.zeros(1, 0, self.bundle.latent_dim), conditioning)
        return states

    def _conditioning(self, audio: Array) -> Array:
        latents = self.mimi.encode_to_latent(torch.from_numpy(audio))
        voice = torch.nn.functional.linear(latents, self.flow_lm.speaker_proj_weight)
        if self.flow_lm.insert_bos_before_voice:
            voice = torch.cat([self.flow_lm.bos_before_voice, voice], dim=1)
        return np.asarray(voice.detach().numpy())

    def _hear(self, states: Any, sequence: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """Take a step of the model, and return the condition."""
        from pocket_tts.modules.stateful_module import increment_steps

        known = torch.where(torch.isnan(sequence), self.flow_lm.bos_emb, sequence)
        out: torch.Tensor = self.flow_lm.backbone(self.flow_lm.input_linear(known), embeddings, known, states)
        increment_steps(self.flow_lm, states, sequence.shape[1] + embeddings.shape[1])
        return out[:, -1]

    def _speak(self, count: int, noise: Array | None = None) -> tuple[Array, Array, Array]:
        """Return frames, conditions and logits of PyTorch's speech; without noise at temperature zero."""
        from pocket_tts.modules.stateful_module import init_states

        embeddings = self.flow_lm.conditioner(torch.from_numpy(self.tokens))
        length = next(iter(self.voice.values()))["cache"].shape[2]
        states: dict[str, Any] = init_states(
            self.flow_lm, batch_size=1, sequence_length=length + embeddings.shape[1] + count
        )
        for module, state in states.items():
            state["cache"][:, :, :length] = self.voice[module]["cache"]
            state["offset"][:] = length
        sequence = torch.zeros(1, 0, self.bundle.latent_dim)
        self._hear(states, sequence, embeddings)
        sequence = torch.full((1, 1, self.bundle.latent_dim), torch.nan)
        latents, conditions, logits = [], [], []
        nothing = torch.zeros(1, 0, self.flow_lm.dim)
        for frame in range(count):
            condition = self._hear(states, sequence, nothing)
            x = np.zeros((1, self.bundle.latent_dim), np.float32) if noise is None else noise[frame]
            latent = self._sampled(condition.numpy(), x)
            sequence = torch.from_numpy(latent)[:, None]
            latents.append(sequence.numpy())
            conditions.append(condition.numpy())
            logits.append(self.flow_lm.out_eos(condition).numpy())
        return np.asarray(latents), np.asarray(conditions), np.asarray(logits)

    def _sampled(self, condition: Array, x: Array) -> Array:
        from pocket_tts.models import flow_lm

        decode = {
            "lsd": flow_lm.lsd_decode,
            "flow_matching": flow_lm.ot_decode,
            "drifting": flow_lm.drifting_decode,
            "pointwise": flow_lm.pointwise_decode,
        }[self.flow_lm.flow_type]
        given = torch.from_numpy(condition)
        return np.asarray(decode(lambda *inputs: self.flow_lm.flow_net(given, *inputs), torch.from_numpy(x), 1).numpy())

    def _decoded(self, latents: Array, dtype: torch.dtype = torch.float32) -> Array:
        from pocket_tts.modules.stateful_module import init_states

        mimi = self.mimi if dtype == torch.float32 else copy.deepcopy(self.mimi).to(dtype)
        steps = int(mimi.encoder_frame_rate / mimi.frame_rate)
        states = init_states(mimi, batch_size=1, sequence_length=steps * latents.shape[1])
        for state in states.values():
            state.update({key: value.to(dtype) for key, value in state.items() if value.is_floating_point()})
        scaled = torch.from_numpy(latents).to(dtype) * self.flow_lm.emb_std + self.flow_lm.emb_mean
        return np.asarray(mimi.decode_from_latent(scaled, states).numpy())

    # What the bundle says.

    def _wide(self, x: Array) -> Array:
        return np.pad(x, ((0, 0), (0, 0), (0, self.bundle.conditioning_dim - x.shape[-1])))

    def _nothing(self) -> Array:
        return np.zeros((1, 0, self.bundle.conditioning_dim), np.float32)

    def _cache(self, state: State) -> Array:
        voice = self.voice[state.module]
        return np.asarray(voice["cache"][:, :, : int(voice["offset"][0])].numpy())

    def _imported(self) -> dict[str, Array]:
        """Return the states that hold PyTorch's voice, in caches with room after it as clients reserve it."""
        states = self.sessions["flow_lm_main"].start()
        for state in self.bundle.flow_lm_states:
            if state.key == "cache":
                states[state.input_name] = np.pad(self._cache(state), ((0, 0), (0, 0), (0, 7), (0, 0), (0, 0)))
            elif state.key == "step":
                states[state.input_name] = self.voice[state.module]["offset"].numpy()
        return states

    def _heard(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the states after the recording, and the outputs."""
        states = self.sessions["flow_lm_main"].start()
        conditioning = self.sessions["mimi_encoder"].run({"audio": self.recording})["conditioning"]
        empty = np.zeros((1, 0, self.bundle.latent_dim), np.float32)
        results = self.sessions["flow_lm_main"].step({"sequence": empty, "text_embeddings": conditioning}, states)
        return states, results

    def _prompt(self, states: dict[str, Array]) -> None:
        text = self.sessions["text_conditioner"].run({"token_ids": self.tokens})["text_embeddings"]
        empty = np.zeros((1, 0, self.bundle.latent_dim), np.float32)
        self.sessions["flow_lm_main"].step({"sequence": empty, "text_embeddings": text}, states)

    def _step_rows(self, feed: Mapping[str, Array], states: dict[str, Array], rows: int) -> dict[str, Array]:
        """Take a step of the graph of our engine, after which every take has so many rows."""
        last_row = np.full(feed["sequence"].shape[0], rows - 1, np.int32)
        whole = {**feed, "last_row": last_row, "rows": np.asarray(rows, np.int32)}
        return self.sessions["flow_lm_step"].step(whole, states)

    def _flow(self, condition: Array, start: float, stop: float, x: Array) -> Array:
        times = {name: np.full((1, 1), value, np.float32) for name, value in (("s", start), ("t", stop))}
        return self.sessions["flow_lm_flow"].run({"c": condition, **times, "x": x})["flow_dir"]

    def _decode(self, latents: Array, sizes: Sequence[int]) -> Array:
        decoder = self.sessions["mimi_decoder"]
        states = decoder.start()
        parts, done = [], 0
        for size in sizes:
            feed = {"latent": latents[:, done : done + size]}
            parts.append(decoder.step(feed, states)["audio_frame"])
            done += size
        return np.concatenate(parts, axis=-1)
