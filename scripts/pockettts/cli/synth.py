"""`pockettts synth`: a text to a WAV file, by the takes that a book would have."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pockettts.cli.context import absolute, open_project
from pockettts.cli.output import progress
from pockettts.cli.texts import File, Text, read_chunks
from pockettts.errors import UsageError
from pockettts.values import RATE

if TYPE_CHECKING:
    from pockettts.config import AudioConfig
    from pockettts.project import Project
    from pockettts.text.chunks import Chunk

STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(synth)


def synth(
    context: typer.Context,
    text: Text = None,
    file: File = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", callback=absolute, help="The WAV file to write; - for standard output.")
    ] = Path("out.wav"),
    voice: Annotated[str | None, typer.Option(help="An id of `pockettts voices list`.")] = None,
    model: Annotated[str | None, typer.Option(help="An id of `pockettts model list`.")] = None,
    engine: Annotated[str | None, typer.Option(help="cli, torch or onnx.")] = None,
    precision: Annotated[str | None, typer.Option(help="Of engine onnx: fp32 or int8.")] = None,
    seed: Annotated[int | None, typer.Option(help="A different number gives a different reading.")] = None,
    chunk: Annotated[
        bool, typer.Option("--chunk/--no-chunk", help="Speak the text in chunks, as a book, or in one take.")
    ] = True,
    max_chunk_chars: Annotated[int | None, typer.Option(help="Longest chunk, in characters.")] = None,
    dc_block: Annotated[bool, typer.Option("--dc-block", help="Remove the offset and what is below 20 Hz.")] = False,
    normalize: Annotated[bool, typer.Option("--normalize", help="Raise the peak to audio.peak_dbfs.")] = False,
    fade_in_ms: Annotated[float, typer.Option(min=0, max=10_000, help="Length of the fade at the start.")] = 0,
    fade_out_ms: Annotated[float, typer.Option(min=0, max=10_000, help="Length of the fade at the end.")] = 0,
    loudness: Annotated[
        float | None, typer.Option(min=-40, max=-5, help="Integrated loudness in LUFS, under a true-peak limiter.")
    ] = None,
    tts_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A further flag of `pocket-tts generate` (engine cli). Repeatable."),
    ] = None,
) -> None:
    """Speak a text into a WAV file.

    As in a book with the same settings, takes are stored in results/takes, checked, and retried if they fail. Without
    audio options, the joined takes stay as they are.
    """
    _check_out(out)
    flags = {
        "voice": voice,
        "model": model,
        "engine": engine,
        "precision": precision,
        "seed": seed,
        "max_chunk_chars": max_chunk_chars,
        "tts_arg": pairs(tts_arg) if tts_arg else None,
    }
    project = open_project(context, **flags)
    audio = mastering(
        project.config.audio,
        dc_block=dc_block,
        normalize=normalize,
        fade_in_ms=fade_in_ms,
        fade_out_ms=fade_out_ms,
        loudness=loudness,
    )
    chunks = read_chunks(text, file, project, chunk=chunk)
    if out == STDOUT:
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / "out.wav"
            _write(whole, chunks, project, audio)
            # Only once the header has the real sizes: a player that reads a pipe trusts them.
            with whole.open("rb") as wav:
                shutil.copyfileobj(wav, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    else:
        _write(out, chunks, project, audio)
        print(f"wrote {out}", file=sys.stderr)


def pairs(arguments: Sequence[str]) -> dict[str, Any]:
    """Return `KEY=VALUE` arguments as a mapping; numbers, true and false are read as such."""
    from pockettts.config.sources import plain_value

    values = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key.strip("-"):
            raise UsageError(f"--tts-arg {argument!r} is not KEY=VALUE, such as max-tokens=40.")
        values[key] = plain_value(value, typed=True)
    return values


def mastering(
    audio: AudioConfig,
    *,
    dc_block: bool,
    normalize: bool,
    fade_in_ms: float,
    fade_out_ms: float,
    loudness: float | None,
) -> AudioConfig:
    """Return audio settings whose book chain has the chosen steps, in the one order that makes sense.

    The DC block goes first, because it raises peaks; fades go before loudness, because they change it. Raises
    `UsageError` for two options that both set the level.
    """
    from pockettts.config import FadeConfig

    if normalize and loudness is not None:
        raise UsageError("--normalize and --loudness both set the level; choose one of them.")
    steps = {
        "dc_block": dc_block,
        "normalize": normalize,
        "fade": bool(fade_in_ms or fade_out_ms),
        "loudness": loudness is not None,
    }
    changes: dict[str, Any] = {
        "book_chain": tuple(step for step, chosen in steps.items() if chosen),
        "book_fade": FadeConfig(in_ms=fade_in_ms, out_ms=fade_out_ms),
    }
    if loudness is not None:
        changes["loudness"] = audio.loudness.model_copy(update={"target_lufs": loudness})
    return audio.model_copy(update=changes)


def _check_out(out: Path) -> None:
    if out == STDOUT:
        if sys.stdout.isatty():
            raise UsageError("Refusing to write audio to a terminal: name a file by --out, or redirect the output.")
    elif out.is_dir():
        raise UsageError(f"{out} is a folder: name the file to write.")
    elif out.suffix.lower() != ".wav":
        raise UsageError(f"{out.name}: synth writes WAV; let the name end in .wav, or use - for standard output.")


def _write(out: Path, chunks: Sequence[Chunk], project: Project, audio: AudioConfig) -> None:
    """Speak the chunks into `out`, which appears under its name only when it is complete."""
    from pockettts.audio.master import master_book

    if not audio.book_chain:
        _join(out, chunks, project)
        return
    with tempfile.TemporaryDirectory() as folder:
        joined = Path(folder) / "joined.wav"
        _join(joined, chunks, project)
        master_book(joined, out, audio)


def _join(path: Path, chunks: Sequence[Chunk], project: Project) -> None:
    from pockettts.audio.wav import WavWriter
    from pockettts.speaking import make_ready, speak
    from pockettts.voices import licence_notice

    with (
        make_ready(project).open_engine() as engine,
        WavWriter(path) as writer,
        progress("chunk", len(chunks)) as step,
    ):
        for samples in speak(engine, chunks, project, project.store, lanes=engine.lanes):
            writer.write(samples)
            step()
    print(f"{writer.samples / RATE:.2f} s, model {project.model.id}, voice {project.voice.id}", file=sys.stderr)
    for notice in (project.model.notice, licence_notice(project.voice)):
        if notice:
            print(notice, file=sys.stderr)
