"""Make the state of one voice for one model: rule export_voice."""

import argparse
from pathlib import Path

from pockettts import models, voices
from pockettts.errors import run_main
from pockettts.project import Project, add_project_option


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice", help="an id of voices/manifest.json")
    parser.add_argument("--model", required=True, help="an id of models/manifest.json")
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--executable", type=Path, help="a pocket-tts to use instead of the one in this environment")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors; its sidecar goes beside it")
    add_project_option(parser)
    args = parser.parse_args()
    project = Project(args.project)
    voice = project.find_voice(args.voice)
    entry = project.find_model(args.model)
    lock = models.read_lock(args.lock)
    models.check_model(args.runtime, lock)
    sidecar = voices.export_voice(
        voice,
        entry,
        lock,
        args.out,
        runtime=args.runtime,
        executable=args.executable,
        committed_lock=project.model_lock,
        rate=project.rate_of_voice(args.runtime, args.executable),
    )
    rate = f", {sidecar['rate']} letters a second" if sidecar["rate"] else ""
    print(f"voice {voice.id}: {sidecar['frames']} frames{rate}, licence {voice.licence}")


if __name__ == "__main__":
    run_main(main)
