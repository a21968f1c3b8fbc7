"""The checks of a bundle: each graph by itself, then against PyTorch on the same inputs.

Each check compares arrays by two figures: the largest absolute difference, and the RMS of the difference over the RMS
of PyTorch's output. The limits are several times the values measured with the full-size architecture (fp32 1e-6, int8
a few percent), and those of fp32 are far below the effect of any fault in a graph: see the mutations in the tests.

Free-running frames are compared for a short time only, and for fp32 only: the loop is chaotic, and a difference in the
last bit grows until the two have nothing in common. In all other checks both sides get the same frames. The speech of
an int8 bundle is judged by `listen`. Rounding to float32 may cost a decoder more than the limit, in any runtime; the
limit is then twice the difference between PyTorch in float32 and in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch

from pockettts.audio.wav import read_wav
from pockettts.bundle import GRAPHS, OPSET, Bundle, read_bundle
from pockettts.errors import BundleError
from pockettts.export import graphs
from pockettts.export.export import describe_graph, load_model
from pockettts.export.listen import listen, speak_both
from pockettts.export.verify.candidate import Array, Candidate, GraphSession, cache_of, open_sessions
from pockettts.export.verify.reference import Reference
from pockettts.export.verify.report import Check, Report
from pockettts.files import write_json, write_text
from pockettts.upstream import MIN_FRAMES_BEFORE_EOS
from pockettts.values import one_line

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
"""The largest relative RMS of a difference for each comparison. A single value may differ by ten times as much."""
_PEAK = 10.0


def verify_onnx(folder: Path, runtime: Path, recording: Path, out: Path) -> Report:
    """Verify the bundle in `folder` against the model that `runtime` configures, and write the report.

    `recording` is the sound file of the voice. `out` is the JSON report, and NAME.txt beside it has the table. A failed
    check raises nothing here: see `Report.require`. Raises `BundleError`, `ModelError` and `AudioError`.
    """
    bundle = read_bundle(folder)
    samples = read_wav(recording).astype(np.float32) / np.float32(32768)
    model = load_model(runtime)
    report = verify(bundle, model, samples)
    if bundle.precision == "int8" and report.passed:
        spoken = speak_both(folder, runtime, model, samples)
        speech = tuple(Check(f"speech: {what}", passed, note=note) for what, passed, note in listen(spoken))
        report = replace(report, checks=(*report.checks, *speech))
    write_json(out, report.as_dict())
    write_text(out.with_suffix(".txt"), report.table())
    return report


def verify(bundle: Bundle, model: Any, recording: npt.NDArray[np.float32]) -> Report:
    """Return the checks of a bundle against a model; `recording` is mono, at the model's rate."""
    torch.set_num_threads(1)
    checks = list(check_graphs(bundle))
    if all(check.passed for check in checks):
        with torch.no_grad():
            for comparison in OutputComparison(bundle, model, recording).all():
                checks += attempt(comparison)
    return Report(bundle.precision, tuple(checks))


def attempt(comparison: Callable[[], list[Check]]) -> list[Check]:
    """Return the checks of a comparison; if a graph cannot run, one failed check with the name of the comparison."""
    try:
        return comparison()
    # The exceptions of ONNX Runtime share no narrower base.
    except Exception as error:
        return [Check(comparison.__name__, False, note=one_line(error))]


def check_graphs(bundle: Bundle) -> Iterator[Check]:
    """Check that each graph is valid, matches the manifest, and runs on a dummy input."""
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
    # The exceptions of protobuf and of the checker share no narrower base.
    except Exception as error:
        raise BundleError(f"{path} is not a valid ONNX model ({' '.join(str(error).split())}).") from None
    opset = max(item.version for item in proto.opset_import if item.domain in ("", "ai.onnx"))
    if opset != OPSET:
        raise BundleError(f"{path} is of opset {opset}, not {OPSET}.")
    if (largest := largest_pair_sum(proto)) > np.iinfo(np.int16).max:
        raise BundleError(f"{path} has weights whose products may sum to {largest:,}, more than 16 bits can hold.")
    described = bundle.manifest["graphs"][name]
    if describe_graph(proto) != {key: described[key] for key in ("inputs", "outputs")}:
        raise BundleError(f"{path} has inputs or outputs that differ from its manifest.")
    states = {state["input_name"]: tuple(state["shape"]) for state in described["states"]}
    feed = {}
    for value in described["inputs"]:
        shape = states.get(value["name"], tuple(size if isinstance(size, int) else 1 for size in value["shape"]))
        feed[value["name"]] = np.zeros(shape, value["dtype"])
    if "t" in feed:
        feed["t"] += 1
    if "rows" in feed:
        feed["last_row"] += 1
        feed["rows"] += 2
    try:
        results = GraphSession(path).run(feed)
    except Exception as error:
        raise BundleError(f"ONNX Runtime cannot run {path} ({' '.join(str(error).split())}).") from None
    for key, result in results.items():
        if not np.isfinite(result).all():
            raise BundleError(f"{path} returns values in {key} that are not finite.")


def largest_pair_sum(proto: onnx.ModelProto) -> int:
    """Return the largest absolute sum of two neighboring products that any input can cause in MatMulInteger.

    Kernels for x86 without VNNI add two products in 16 bits and clip the sum. 0 for a graph without this operator.
    """
    names = {node.input[1] for node in proto.graph.node if node.op_type == "MatMulInteger"}
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer if tensor.name in names]
    sizes = (np.abs(weight.astype(np.int64)) for weight in weights)
    return max((255 * int((size[:-1] + size[1:]).max(initial=0)) for size in sizes), default=0)


def compare(name: str, got: Array, expected: Array, limit: float, level: float | None = None) -> Check:
    """Compare two arrays; `level` replaces the RMS of the expected one."""
    if got.shape != expected.shape:
        return Check(name, False, limit=limit, note=f"shape {got.shape} instead of {expected.shape}")
    difference = np.asarray(got, np.float64) - expected
    if level is None:
        level = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64)))) or 1.0
    largest = float(np.abs(difference).max(initial=0))
    relative = float(np.sqrt(np.mean(np.square(difference)))) / level
    passed = relative <= limit and largest <= _PEAK * limit * level
    return Check(name, passed, largest, relative, limit)


class OutputComparison:
    """A bundle and its model in PyTorch, on the same random and real inputs."""

    def __init__(
        self,
        bundle: Bundle,
        model: Any,
        recording: npt.NDArray[np.float32],
        sessions: Mapping[str, GraphSession] | None = None,
        text: str = TEXT,
    ) -> None:
        self.bundle = bundle
        self.limits = LIMITS[bundle.precision]
        self.random = np.random.default_rng(0)
        self.candidate = Candidate(bundle, sessions or open_sessions(bundle))
        self.reference = Reference(model, recording, text)

    def all(self) -> tuple[Callable[[], list[Check]], ...]:
        """Return the comparisons, in the order in which data flows through the graphs."""
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
        for name, tokens in (("random tokens", some), ("a sentence", self.reference.tokens)):
            expected = self.candidate.wide(self.reference.embeddings(tokens))
            checks.append(compare(f"text_conditioner: {name}", self.candidate.embeddings(tokens), expected, limit))
        return checks

    def mimi_encoder(self) -> list[Check]:
        """Compare the conditioning of noise of several lengths, and of the recording."""
        inputs = {f"noise of {count:,} samples": 0.1 * self.noise(1, 1, count) for count in ENCODER_SAMPLES}
        inputs["a recording"] = self.reference.recording
        checks = []
        for name, audio in inputs.items():
            got = self.candidate.conditioning(audio)
            expected = self.candidate.wide(self.reference.conditioning(audio))
            checks.append(compare(f"mimi_encoder: {name}", got, expected, self.limits["mimi_encoder"]))
        return checks

    def voice_state(self) -> list[Check]:
        """Compare the voice that the graphs derive from a recording with PyTorch's."""
        voice = self.candidate.after_recording(self.reference.recording)
        limit = self.limits["voice"]
        checks = []
        for state in self.bundle.flow_lm_states:
            if state.key == "cache":
                name = f"voice state: {state.module.removeprefix('transformer.')}"
                checks.append(compare(name, voice[state.input_name], cache_of(self.reference.voice, state), limit))
            elif state.key == "step":
                offset = self.reference.voice[state.module]["offset"].numpy()
                if not np.array_equal(voice[state.input_name], offset):
                    checks.append(Check(f"voice state: {state.module}", False, note="a different length"))
        return checks

    def random_rows(self) -> list[Check]:
        """Compare the condition after two calls with random text and random frames, without a voice."""
        states = self.candidate.sessions["flow_lm_main"].start()
        got = [
            self.candidate.step(feed["sequence"], feed["text_embeddings"], states)["conditioning"]
            for feed, _ in self._random_calls()
        ]
        return [self._compare_random("flow_lm_main", got)]

    def teacher_forced(self) -> list[Check]:
        """Compare the condition and the end of speech after PyTorch's voice, while both sides get PyTorch's frames."""
        latents, conditions, logits = self.reference.speak(STEPS)
        candidate = self.candidate
        states = candidate.after_voice(self.reference.voice)
        candidate.step(candidate.no_frame(), candidate.embeddings(self.reference.tokens), states)
        sequence = np.full((1, 1, self.bundle.latent_dim), np.nan, np.float32)
        got_conditions, got_logits = [], []
        early = True
        for frame in range(STEPS):
            results = candidate.step(sequence, candidate.no_text(), states)
            got_conditions.append(results["conditioning"])
            logit = float(results["eos_logit"][0, 0])
            if frame < MIN_FRAMES_BEFORE_EOS:
                early = early and logit == graphs.EOS_NEVER
            else:
                got_logits.append([[self.bundle.eos(logit)]])
            sequence = latents[frame]
        limit = self.limits["flow_lm_main"]
        return [
            compare(f"flow_lm_main: {STEPS} frames", np.asarray(got_conditions), conditions, limit),
            compare(
                "flow_lm_main: end of speech",
                np.asarray(got_logits),
                logits[MIN_FRAMES_BEFORE_EOS:],
                limit,
                self._logit_level(),
            ),
            Check("flow_lm_main: no end in the first frames", early, note="" if early else "speech may end at once"),
        ]

    def flow_lm_step(self) -> list[Check]:
        """Make the last two comparisons with the graph of engine onnx, for two equal takes at once."""
        candidate = self.candidate
        states = candidate.sessions["flow_lm_step"].start()
        got = [candidate.step_rows(feed, states, rows)["conditioning"] for feed, rows in self._random_calls()]
        checks = [self._compare_random("flow_lm_step", got)]
        latents, conditions, logits = self.reference.speak(STEPS)
        text = candidate.embeddings(self.reference.tokens)
        states = {s.input_name: s.rows_of(cache_of(self.reference.voice, s)) for s in self.bundle.step_states}
        rows = next(iter(states.values())).shape[2] + text.shape[1]
        candidate.step_rows({"sequence": candidate.no_frame(), "text_embeddings": text}, states, rows)
        states = {name: np.concatenate([state, state]) for name, state in states.items()}
        sequence = np.full((2, 1, self.bundle.latent_dim), np.nan, np.float32)
        got_conditions, got_logits = [], []
        for frame in range(STEPS):
            feed = {"sequence": sequence, "text_embeddings": candidate.no_text(2)}
            results = candidate.step_rows(feed, states, rows + frame + 1)
            got_conditions.append(results["conditioning"])
            got_logits.append(results["eos_logit"])
            sequence = np.concatenate([latents[frame]] * 2)
        limit = self.limits["flow_lm_main"]
        expected = np.repeat(conditions, 2, axis=1)
        ends = np.repeat(logits, 2, axis=1)
        return [
            *checks,
            compare(f"flow_lm_step: {STEPS} frames of two takes", np.asarray(got_conditions), expected, limit),
            compare("flow_lm_step: end of speech", np.asarray(got_logits), ends, limit, self._logit_level()),
        ]

    def _logit_level(self) -> float:
        """Return the scale of the logit. A logit may be near zero, so the norm of its weights stands for its RMS."""
        return float(self.reference.flow_lm.out_eos.weight.norm())

    def flow_lm_flow(self) -> list[Check]:
        """Compare the direction for random conditions and for conditions of speech."""
        _, conditions, _ = self.reference.speak(8)
        limit = self.limits["flow_lm_flow"]
        checks = []
        for name, inputs in (
            ("random conditions", self.noise(8, 1, conditions.shape[-1])),
            ("conditions of speech", conditions),
        ):
            got, expected = [], []
            for condition in inputs:
                x = self.noise(1, self.bundle.latent_dim)
                got.append(x + self.candidate.direction(condition, x))
                expected.append(self.reference.sample(condition, x))
            checks.append(compare(f"flow_lm_flow: {name}", np.asarray(got), np.asarray(expected), limit))
        return checks

    def mimi_decoder(self) -> list[Check]:
        """Compare the sound of frames in one call and in several calls with PyTorch's sound of one call."""
        speech, _, _ = self.reference.speak(STEPS)
        checks = []
        for name, latents in (("random frames", self.noise(1, STEPS, self.bundle.latent_dim)), ("speech", speech)):
            latents = latents.reshape(1, STEPS, -1)
            expected = self.reference.decode(latents)
            exact = self.reference.decode(latents, torch.float64)
            limit = max(self.limits["mimi_decoder"], 2 * (compare("", expected, exact, 0).relative_rms or 0.0))
            for sizes in CHUNKINGS:
                calls = "one call" if len(sizes) == 1 else f"{len(sizes)} calls"
                got = self.candidate.decode(latents, sizes)
                checks.append(compare(f"mimi_decoder: {name}, {calls}", got, expected, limit))
        return checks

    def free_running(self) -> list[Check]:
        """Compare speech from text to sound: each side continues from its own frames, with the same noise."""
        noise = self.noise(FREE_FRAMES, 1, self.bundle.latent_dim)
        frames = self.reference.speak(FREE_FRAMES, noise)[0].reshape(1, FREE_FRAMES, -1)
        expected = self.reference.decode(frames)
        candidate = self.candidate
        states = candidate.after_voice(self.reference.voice)
        candidate.step(candidate.no_frame(), candidate.embeddings(self.reference.tokens), states)
        sequence = np.full((1, 1, self.bundle.latent_dim), np.nan, np.float32)
        latents = []
        for x in noise:
            condition = candidate.step(sequence, candidate.no_text(), states)["conditioning"]
            sequence = (x + candidate.direction(condition, x))[:, None]
            latents.append(sequence)
        got = candidate.decode(np.concatenate(latents, axis=1), (FREE_FRAMES,))
        return [compare(f"speech: {FREE_FRAMES} frames from text to sound", got, expected, self.limits["speech"])]

    def _random_calls(self) -> Iterator[tuple[dict[str, Array], int]]:
        """Yield the inputs of two calls, always the same, and the number of rows after each."""
        random = np.random.default_rng(1)
        rows = 0
        for frames, tokens in RANDOM_ROWS:
            sequence = random.standard_normal((1, frames, self.bundle.latent_dim)).astype(np.float32)
            text = random.standard_normal((1, tokens, self.reference.flow_lm.dim)).astype(np.float32)
            rows += frames + tokens
            yield {"sequence": sequence, "text_embeddings": self.candidate.wide(text)}, rows

    def _compare_random(self, graph: str, got: Sequence[Array]) -> Check:
        count = sum(map(sum, RANDOM_ROWS))
        width = self.reference.flow_lm.dim
        calls = [(feed["sequence"], feed["text_embeddings"][..., :width]) for feed, _ in self._random_calls()]
        expected = self.reference.conditions_after(calls, count)
        name = f"{graph}: {count} random rows in {len(RANDOM_ROWS)} calls"
        return compare(name, np.asarray(got), expected, self.limits["flow_lm_main"])
