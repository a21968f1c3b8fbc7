"""Make the state of one voice for one model: rule export_voice."""

import argparse
from pathlib import Path

from pockettts import models, voices
from pockettts.errors import run_main
from pockettts.project import Project, add_model_options, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice", help="an id of voices/manifest.json")
    parser.add_argument("--executable", type=Path, help="a pocket-tts to use instead of the one in this environment")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors; its sidecar goes beside it")
    add_model_options(parser)
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project)
    voice = project.find_voice(args.voice)
    entry = project.find_model(args.model)
    with models.open_model(entry, args.lock, args.weights, args.tokenizer) as model:
        sidecar = voices.export_voice(
            voice,
            entry,
            model.lock,
            args.out,
            runtime=model.runtime,
            executable=args.executable,
            fetched=project.of_model(entry.id).folder,
            committed_lock=project.model_lock,
            rate=project.rate_of_voice(model.runtime, args.executable),
        )
    rate = f", {sidecar['rate']} letters a second" if sidecar["rate"] else ""
    print(f"voice {voice.id}: {sidecar['frames']} frames{rate}, licence {voice.licence}")


if __name__ == "__main__":
    run_main(main)
