"""`pockettts voices` and `export-voice`: which voices there are, and how a recording becomes one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pockettts.cli.context import absolute, in_project
from pockettts.cli.output import print_json, print_table, yes

if TYPE_CHECKING:
    from pockettts.voices import Voice

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group and the command."""
    group = typer.Typer(no_args_is_help=True, help="Voices and their licences.")
    group.command("list")(list_voices)
    group.command()(show)
    app.add_typer(group, name="voices")
    app.command()(export_voice)


def list_voices(context: typer.Context, as_json: Json = False) -> None:
    """List the voices of voices/manifest.json: licence, commercial use, and whether the model can speak with each."""
    from pockettts import book, voices

    with in_project(context) as settings:
        model = book.open_setup(settings).model
        known = voices.load_voices(book.VOICE_MANIFEST)
        rows = [
            {
                "id": voice.id,
                "licence": voice.licence,
                "commercial": voice.commercial,
                "attribution": voice.attribution,
                f"usable with {model.id}": isinstance(voice.source, voices.Recording) or model.voices is not None,
            }
            for voice in known.values()
        ]
    if as_json:
        print_json(rows)
        return
    cells = [[yes(value) if isinstance(value, bool) else value for value in row.values()] for row in rows]
    print_table(tuple(rows[0]) if rows else ("id",), cells)


def show(context: typer.Context, voice: Annotated[str, typer.Argument(help="An id.")], as_json: Json = False) -> None:
    """Show one voice: its source, licence and credit, and the exported files that there are."""
    from pockettts import book, voices

    with in_project(context):
        found = _described(voices.resolve_voice(voices.load_voices(book.VOICE_MANIFEST), voice))
        exported = sorted((book.RESULTS / "voices").glob(f"*/{voice}.safetensors"))
    found["exported"] = [str(path) for path in exported]
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        for line in value if isinstance(value, list) else [value]:
            if line is not None:
                print(f"{name + ':':<16}{yes(line) if isinstance(line, bool) else line}")


def _described(voice: Voice) -> dict[str, Any]:
    values = asdict(voice)
    source = values.pop("source")
    return {"id": values.pop("id"), **{f"source {name}": value for name, value in source.items()}, **values}


def export_voice(
    context: typer.Context,
    recording: Annotated[
        Path, typer.Argument(callback=absolute, help="WAV, FLAC or MP3 of one speaker, best 10 to 30 seconds.")
    ],
    voice_id: Annotated[
        str | None, typer.Option("--id", help="The voice's id.", show_default="the file's name")
    ] = None,
    model: Annotated[str | None, typer.Option(help="An id of `pockettts model list`.")] = None,
    licence: Annotated[str, typer.Option(help="Of the recording: an SPDX identifier.")] = "all rights reserved",
    attribution: Annotated[str, typer.Option(help="Whom to credit.")] = "",
    right: Annotated[str, typer.Option(help="Why you may use the recording.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", callback=absolute, help="The file.", show_default="results/voices/MODEL/ID.safetensors"
        ),
    ] = None,
) -> None:
    """Make a voice of a recording, and print its entry for voices/manifest.json."""
    from pockettts import book, voices
    from pockettts.speaking import ready_model

    name = voice_id or voices.id_of(recording)
    with in_project(context, model=model) as settings:
        entry = voices.manifest_entry(
            recording, book.VOICE_MANIFEST.parent.absolute(), licence=licence, attribution=attribution, right=right
        )
        voice = voices.Voice(name, voices.Recording(recording), licence, False, attribution, right)
        target = book.open_setup(settings).model
        folder = book.RESULTS / "models" / target.id
        lock = ready_model(target, folder, allow_ungated=settings.hub.allow_ungated)
        file = out or (book.RESULTS / "voices" / target.id / f"{name}.safetensors").absolute()
        sidecar = voices.export_voice(
            voice,
            target,
            lock,
            file,
            runtime=folder / "runtime.yaml",
            executable=settings.synth.executable,
            committed_lock=book.MODEL_LOCK,
        )
    typer.echo(f"wrote {file}: {sidecar['frames']} frames for the model {target.id}", err=True)
    typer.echo(
        "Put this into voices/manifest.json" + ("" if right else ", and say in `right` why you may use it:"), err=True
    )
    print_json({name: entry})
