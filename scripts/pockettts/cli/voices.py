"""`pockettts voices` and `export-voice`: which voices there are, and how a recording becomes one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pockettts.cli.context import absolute, open_project
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
    from pockettts import voices

    project = open_project(context)
    model = project.model
    rows = [
        {
            "id": voice.id,
            "licence": voice.licence,
            "commercial": voice.commercial,
            "attribution": voice.attribution,
            f"usable with {model.id}": isinstance(voice.source, voices.Recording) or model.voices is not None,
        }
        for voice in project.voices.values()
    ]
    if as_json:
        print_json(rows)
        return
    cells = [[yes(value) if isinstance(value, bool) else value for value in row.values()] for row in rows]
    print_table(tuple(rows[0]) if rows else ("id",), cells)


def show(context: typer.Context, voice: Annotated[str, typer.Argument(help="An id.")], as_json: Json = False) -> None:
    """Show one voice: its source, licence and credit, and its exported files."""
    project = open_project(context)
    facts = _facts(project.find_voice(voice))
    exported = sorted(project.voice_states("*").parent.glob(f"*/{voice}.safetensors"))
    facts["exported"] = [str(path) for path in exported]
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        for line in value if isinstance(value, list) else [value]:
            if line is not None:
                print(f"{name + ':':<16}{yes(line) if isinstance(line, bool) else line}")


def _facts(voice: Voice) -> dict[str, Any]:
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
    from pockettts import voices
    from pockettts.speaking import ready_model

    name = voice_id or voices.id_of(recording)
    project = open_project(context, model=model)
    entry = voices.manifest_entry(
        recording, project.own_voices.absolute(), licence=licence, attribution=attribution, right=right
    )
    voice = voices.Voice(name, voices.Recording(recording), licence, False, attribution, right)
    target = project.checked().model
    lock = ready_model(project)
    file = out or project.voice_state(name)
    sidecar = voices.export_voice(
        voice,
        target,
        lock,
        file,
        runtime=project.of_model().runtime,
        executable=project.synth.executable,
        committed_lock=project.model_lock,
        rate=project.rate_of_voice(project.of_model().runtime, project.synth.executable),
    )
    typer.echo(f"wrote {file}: {sidecar['frames']} frames for the model {target.id}", err=True)
    typer.echo(
        "Add this to voices/manifest.json" + ("" if right else ", and state in `right` why you may use it:"), err=True
    )
    print_json({name: entry})
