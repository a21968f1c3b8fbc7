"""One system in a process of its own: `python -m pockettts.bench.adapters SPECIFICATION`, the child of `measure`.

It synthesizes a first text and reports how long each phase of its start took; then it answers requests on standard
input, one line of JSON each, until it closes. This module imports little, because importing is one of the phases.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RATE = 24_000

_SERVER_SECONDS = 120.0
_HEADER_BYTES = 44
_TAIL_SAMPLES = 4_800  # the silence that pocket-tts appends to every WAV does not count as speech

Synthesize = Callable[[str, int], Iterator[int]]
"""Synthesizes a text with a seed, and yields the number of samples of each part."""


class Clock:
    """The phases of a start, in seconds since `began`, a time of the monotonic clock, which all processes share."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.phases = {"imports": time.monotonic() - began, "weights": 0.0, "voice": 0.0}
        self.samples = 0
        self.first: float | None = None
        self._inner = 0.0

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of the block to a phase, without the time of nested phases."""
        start, before, self._inner = time.monotonic(), self._inner, 0.0
        try:
            yield
        finally:
            took = time.monotonic() - start
            self.phases[name] += took - self._inner
            self._inner = before + took

    def hook(self, owner: Any, name: str, phase: str) -> None:
        """Replace a function or method of `owner` by a timed version."""
        setattr(owner, name, self.phase(phase)(getattr(owner, name)))

    def count(self, samples: int) -> None:
        """Count samples, and note the time of the first ones."""
        if self.first is None and samples:
            self.first = time.monotonic()
        self.samples += samples

    def summary(self) -> dict[str, float]:
        """Return the phases, which add up to the total: imports, weights, voice, first (audio), rest."""
        total = time.monotonic() - self.began
        first = self.first - self.began if self.first else total
        rest = {"first": first - sum(self.phases.values()), "rest": total - first}
        return {**self.phases, **rest, "total": total, "audio": self.samples / RATE}


# --- memory and processor time of this process and its children, also of those that ended ---------------------------


def _children() -> list[Any]:
    import psutil

    return list(psutil.Process().children(recursive=True))


def peak_mb() -> float:
    """Return the peak memory of the largest process, in MB."""
    import resource

    kilobytes = [resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]
    for pid in ("self", *(child.pid for child in _children())):
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            kilobytes.append(int(status.split("VmHWM:")[1].split()[0]))
        except (OSError, IndexError):  # no such file outside Linux; a process that ended has no peak
            kilobytes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return max(kilobytes) / 1024


def cpu_seconds() -> float:
    """Return the processor time of all processes, also of those that a child has ended."""
    import psutil

    ended, live = os.times(), 0.0
    for child in _children():
        with contextlib.suppress(psutil.Error):
            live += sum(child.cpu_times()[:4])
    return time.process_time() + ended.children_user + ended.children_system + live


# --- engines of this project, and pocket-tts ------------------------------------------------------------------------


def _hook_pocket_tts(clock: Clock) -> Any:
    with clock.phase("imports"):
        import torch  # noqa: F401 the import is what is timed
        from pocket_tts import TTSModel
    clock.hook(TTSModel, "load_model", "weights")
    clock.hook(TTSModel, "get_state_for_audio_prompt", "voice")
    return TTSModel


def _engine(spec: dict[str, Any], clock: Clock, stack: contextlib.ExitStack) -> Synthesize:
    if spec["engine"] == "torch":
        _hook_pocket_tts(clock)
    with clock.phase("imports"):
        from pockettts.config import SynthConfig
        from pockettts.engines import open_engine

        if spec["engine"] == "onnx":
            import onnxruntime  # noqa: F401 the import is what is timed

            onnx = importlib.import_module("pockettts.engines.onnx")
            clock.hook(onnx.TakeSpeaker, "voice", "voice")
            clock.hook(onnx.OnnxEngine, "load", "weights")
    synth = SynthConfig(quantize=spec["quantize"], precision=spec["precision"] or "fp32")
    bundle = Path(spec["bundle"]) if spec["bundle"] else None
    runtime, voice = Path(spec["runtime"]), Path(spec["voice"])
    engine = stack.enter_context(open_engine(spec["engine"], runtime, voice, synth, bundle))
    pool = stack.enter_context(ThreadPoolExecutor(spec["texts"]))

    def synthesize(text: str, seed: int) -> Iterator[int]:
        seeds = range(seed + 1, seed + spec["texts"])
        more_texts = [pool.submit(engine.synthesize, text, one, accept_runaway=True) for one in seeds]
        yield from map(len, engine.stream(text, seed, accept_runaway=True))
        for samples in more_texts:
            yield len(samples.result())

    return synthesize


def _api(spec: dict[str, Any], clock: Clock, stack: contextlib.ExitStack) -> Synthesize:
    model_class = _hook_pocket_tts(clock)
    model = model_class.load_model(config=spec["runtime"])
    state = model.get_state_for_audio_prompt(Path(spec["voice"]))

    def synthesize(text: str, seed: int) -> Iterator[int]:
        import torch

        torch.manual_seed(seed)
        for part in model.generate_audio_stream(state, text):
            yield part.shape[-1]

    return synthesize


def _upstream(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("pocket-tts")), *arguments]


def _samples_of(blocks: Iterator[bytes]) -> Iterator[int]:
    """Count the samples of a WAV that comes in blocks, without its header and its final silence."""
    skip, counted, odd = _HEADER_BYTES, 0, 0
    for block in blocks:
        skip, payload = max(0, skip - len(block)), max(0, len(block) - skip)
        samples, odd = divmod(payload + odd, 2)
        counted += samples
        yield samples
    yield -min(counted, _TAIL_SAMPLES)


def _generate(spec: dict[str, Any], clock: Clock, stack: contextlib.ExitStack) -> Synthesize:
    command = _upstream("generate", "--config", spec["runtime"], "--voice", spec["voice"], "--output-path", "-")
    command += ["--text", "-", "--quiet"]

    def synthesize(text: str, seed: int) -> Iterator[int]:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, bufsize=0, **pipes)
        assert process.stdin is not None
        process.stdin.write(text.encode())
        process.stdin.close()
        try:
            yield from _samples_of(iter(lambda: process.stdout.read(65536), b""))  # type: ignore[union-attr]
        finally:
            process.kill()
            process.wait()

    return synthesize


def _serve(spec: dict[str, Any], clock: Clock, stack: contextlib.ExitStack) -> Synthesize:
    import socket

    import httpx2 as httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = _upstream("serve", "--host", "127.0.0.1", "--port", str(port))
    command += ["--config", spec["runtime"], "--default-voice", spec["voice"]]
    client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600, trust_env=False))
    with clock.phase("weights"):
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sys.stderr)
        stack.callback(server.wait)
        stack.callback(server.kill)
        deadline = time.monotonic() + _SERVER_SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                client.get("/health")
                break
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("pocket-tts serve did not start")
            time.sleep(0.1)

    def synthesize(text: str, seed: int) -> Iterator[int]:
        with client.stream("POST", "/tts", data={"text": text}) as response:
            response.raise_for_status()
            yield from _samples_of(response.iter_bytes())

    return synthesize


# --- programs that load the exported model --------------------------------------------------------------------------


def _recording(spec: dict[str, Any]) -> Any:
    import numpy as np
    import soundfile

    audio, _ = soundfile.read(spec["recording"], dtype="float32")
    return np.ascontiguousarray(audio[: 10 * RATE])


def _tokenizer(spec: dict[str, Any]) -> Callable[[str], tuple[tuple[int, ...], int]]:
    """Return a function of a text: the tokens that pocket-tts makes of it, and its limit of frames."""
    import math

    from pockettts.engines.pieces import load_encoder, prepare_text, read_runtime_config
    from pockettts.upstream import PADDING_SECONDS, TOKENS_PER_SECOND

    config = read_runtime_config(Path(spec["runtime"]))
    encode = load_encoder(config)

    def tokenize(text: str) -> tuple[tuple[int, ...], int]:
        tokens = tuple(encode(prepare_text(text, config)[0]))
        seconds = len(tokens) / TOKENS_PER_SECOND + PADDING_SECONDS
        return tokens, math.ceil(seconds * float(config["mimi"]["frame_rate"]))

    return tokenize


def _sherpa(spec: dict[str, Any], clock: Clock, stack: contextlib.ExitStack) -> Synthesize:
    with clock.phase("imports"):
        import sherpa_onnx as sherpa

        from pockettts.bundle import read_bundle
    bundle = Path(spec["bundle"])
    graphs = {name: str(path) for name, path in read_bundle(bundle, check=False).graphs.items()}
    with clock.phase("weights"):
        pocket = sherpa.OfflineTtsPocketModelConfig(
            lm_flow=graphs["flow_lm_flow"],
            lm_main=graphs["flow_lm_main"],
            encoder=graphs["mimi_encoder"],
            decoder=graphs["mimi_decoder"],
            text_conditioner=graphs["text_conditioner"],
            vocab_json=str(bundle / "vocab.json"),
            token_scores_json=str(bundle / "token_scores.json"),
        )
        model = sherpa.OfflineTtsModelConfig(pocket=pocket, num_threads=1)
        engine = sherpa.OfflineTts(sherpa.OfflineTtsConfig(model=model))
    with clock.phase("voice"):
        reference = _recording(spec).tolist()
    tokenize = _tokenizer(spec)

    def synthesize(text: str, seed: int) -> Iterator[int]:
        options = sherpa.GenerationConfig()
        options.reference_audio, options.reference_sample_rate = reference, RATE
        options.num_steps = 1
        options.extra = {"seed": str(seed), "max_frames": str(tokenize(text)[1])}
        yield len(engine.generate(text, options).samples)

    return synthesize


def _pocketsynth(spec: dict[str, Any], clock: Clock, stack: contextlib.ExitStack) -> Synthesize:
    with clock.phase("imports"):
        import pocketsynth
    with clock.phase("weights"):
        runtime = stack.enter_context(pocketsynth.PocketRuntime.load(spec["bundle"], precision=spec["precision"]))
    with clock.phase("voice"):
        import soundfile

        copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "voice.wav"
        soundfile.write(copy, _recording(spec), RATE, subtype="PCM_16")
        voice = runtime.prepare_voice(str(copy))
    tokenize = _tokenizer(spec)

    def synthesize(text: str, seed: int) -> Iterator[int]:
        tokens, frames = tokenize(text)
        yield int(runtime.infer_tokens(tokens, voice, pocketsynth.GenerationConfig(max_frames=frames)).size)

    return synthesize


OPENERS: dict[str, Callable[[dict[str, Any], Clock, contextlib.ExitStack], Synthesize]] = {
    "engine": _engine,
    "api": _api,
    "generate": _generate,
    "serve": _serve,
    "sherpa": _sherpa,
    "pocketsynth": _pocketsynth,
}


def main() -> None:
    """Answer the requests of standard input."""
    spec = json.loads(sys.argv[1])
    clock = Clock(spec["began"])
    # Output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(values: dict[str, float]) -> None:
        print(json.dumps({**values, "peak_mb": peak_mb()}), file=answers, flush=True)

    with contextlib.ExitStack() as stack:
        synthesize = OPENERS[spec["kind"]](spec, clock, stack)
        for samples in synthesize(spec["text"], 0):
            clock.count(samples)
        answer(clock.summary())
        for line in sys.stdin:
            request, cpu, timer = json.loads(line), cpu_seconds(), Clock(time.monotonic())
            for samples in synthesize(request["text"], request["seed"]):
                timer.count(samples)
            wall = time.monotonic() - timer.began
            first = timer.first - timer.began if timer.first else 0.0
            answer({"wall": wall, "first": first, "cpu": cpu_seconds() - cpu, "audio": timer.samples / RATE})


if __name__ == "__main__":
    main()
