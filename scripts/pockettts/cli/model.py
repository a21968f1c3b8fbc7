"""`pockettts model`: fetch, check and export models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pockettts.cli.context import open_project
from pockettts.cli.output import print_json, print_table, yes

if TYPE_CHECKING:
    from pockettts.models import Lock

Model = Annotated[
    str | None, typer.Argument(help="An id of `pockettts model list`.", show_default="model of the configuration")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Fetch, check and export models.")
    group.command("list")(list_models)
    group.command()(download)
    group.command()(lock)
    group.command()(verify)
    group.command()(export)
    app.add_typer(group, name="model")


def _print_lock(lock: Lock) -> None:
    for role, facts in lock.files.items():
        print(f"{role}\t{facts['path']}\t{facts['bytes']}\t{facts['sha256']}")


def list_models(context: typer.Context, as_json: Json = False) -> None:
    """List the models of models/manifest.json, and which were fetched."""
    from pockettts import models

    project = open_project(context)
    manifest = project.manifest
    names = {
        entry: [alias for alias, target in manifest.aliases.items() if target == entry] for entry in manifest.models
    }
    rows = [
        {
            "id": entry.id,
            "alias": ", ".join(names[entry.id]) or None,
            "language": entry.language,
            "licence": entry.licence,
            "token needed": isinstance(entry.weights, models.HubFile) and entry.weights.gated,
            "here": project.of_model(entry.id).lock.exists(),
        }
        for entry in manifest.models.values()
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        tuple(rows[0]), [[yes(cell) if isinstance(cell, bool) else cell for cell in row.values()] for row in rows]
    )


def download(
    context: typer.Context,
    model: Model = None,
    allow_ungated: Annotated[
        bool | None, typer.Option("--allow-ungated", help="Without a token: weights that cannot clone voices.")
    ] = None,
) -> None:
    """Fetch a model, check its bytes and write results/models/MODEL/{download.json,lock.json,runtime.yaml}."""
    from pockettts.speaking import ready_model

    project = open_project(context, model=model, allow_ungated=allow_ungated or None)
    _print_lock(ready_model(project))


def lock(
    context: typer.Context,
    model: Model = None,
    commit: Annotated[
        bool, typer.Option("--commit", help="Also write it to models/lock.json, to be committed.")
    ] = False,
) -> None:
    """Read the bytes of a fetched model again and lock them: sha256 and size of every file."""
    from pockettts import models

    project = open_project(context, model=model)
    folder = project.of_model().folder
    _print_lock(models.lock_model(project.model, folder, project.model_lock, commit=commit))


def verify(
    context: typer.Context,
    model: Model = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Compare the exported graphs with PyTorch, too; takes a minute.")
    ] = False,
) -> None:
    """Check the files of a fetched model against its lock, and every exported model against its manifest."""
    from pockettts import models
    from pockettts.bundle import MANIFEST, read_bundle
    from pockettts.speaking import verify_bundle

    project = open_project(context, model=model)
    paths = project.of_model()
    checked = models.verify_files(models.read_download(project.model, paths.folder), models.read_lock(paths.lock))
    for path in checked:
        print(f"ok\t{path}")
    for manifest in sorted(project.bundles().glob(f"*/{MANIFEST}")):
        bundle = read_bundle(manifest.parent)
        print(f"ok\t{manifest.parent}")
        if onnx:
            print(verify_bundle(project, bundle.precision), end="")


def export(
    context: typer.Context,
    model: Model = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantized: faster, smaller, and not quite the same voice.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Export a model as ONNX graphs into results/onnx/MODEL/{fp32,int8}/."""
    from pockettts.bundle import copy_manifest
    from pockettts.export import require_export_packages
    from pockettts.speaking import ready_model

    precision: Literal["fp32", "int8"] = "int8" if int8 else "fp32"
    project = open_project(context, model=model)
    require_export_packages()
    from pockettts.export.export import export_onnx

    ready_model(project)
    out = project.bundle(precision)
    bundle = export_onnx(project.of_model().runtime, out, precision=precision, language=project.model.language)
    copy_manifest(out, project.bundle_manifest(precision))
    if as_json:
        print_json(bundle.manifest)
        return
    for name, facts in bundle.manifest["files"].items():
        print(f"{out / name}\t{facts['bytes']}\t{facts['sha256']}")
