"""`pockettts bench`: how fast one text is spoken, and a gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pockettts.cli.context import absolute, open_project
from pockettts.cli.texts import File, Text, read_chunks


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    context: typer.Context,
    text: Text = None,
    file: File = None,
    voice: Annotated[str | None, typer.Option(help="An id of `pockettts voices list`.")] = None,
    model: Annotated[str | None, typer.Option(help="An id of `pockettts model list`.")] = None,
    engine: Annotated[str | None, typer.Option(help="cli, torch or onnx.")] = None,
    precision: Annotated[str | None, typer.Option(help="Of engine onnx: fp32 or int8.")] = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Warm runs, after one that does not count.")] = 5,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processors that the engine may use.", show_default="all")
    ] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="What goes to standard output.")] = "table",
    rtf_threshold: Annotated[
        float, typer.Option(min=0, help="Fail if the median real-time factor is above this; 0: never.")
    ] = 0.0,
    baseline: Annotated[
        Path | None, typer.Option(callback=absolute, help="An earlier --format json output: fail if that was faster.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="By which fraction it may have been faster.")] = 0.1,
) -> None:
    """Measure how fast an engine speaks a text, warm; fail if that is too slow.

    The real-time factor is the time of synthesis divided by the length of the audio: less is faster. The start of the
    engine is reported and does not count.
    """
    project = open_project(context, voice=voice, model=model, engine=engine, precision=precision)
    chunks = read_chunks(text, file, project, chunk=False)
    import json
    import os

    from pockettts.bench.bench_models import BenchModel
    from pockettts.bench.environment import record_environment
    from pockettts.bench.gate import run_gate, system_of
    from pockettts.bench.results import read_rows
    from pockettts.errors import PocketTTSError
    from pockettts.speaking import make_ready

    old_rows = None if baseline is None else read_rows(baseline)
    system = system_of(project.config)
    ready = make_ready(project)
    environment = record_environment()
    bundles = {system.precision: ready.bundle} if system.precision and ready.bundle else {}
    result = run_gate(
        system,
        BenchModel(project.config.model, ready.runtime, ready.voice, bundles=bundles),
        " ".join(chunk.text for chunk in chunks),
        voice=project.config.voice,
        environment=environment,
        runs=runs,
        threads=threads or os.cpu_count() or 1,
        threshold=rtf_threshold,
        baseline=old_rows,
        tolerance=tolerance,
    )
    print(json.dumps(result.as_dict(), indent=1) if form == "json" else result.as_table(), flush=True)
    if result.problems:
        raise PocketTTSError(" ".join(result.problems))
