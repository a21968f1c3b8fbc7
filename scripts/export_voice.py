"""Make the state of one voice for one model: rule export_voice."""

import argparse
from pathlib import Path

from pockettts import book, models, voices
from pockettts.errors import run_main


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice", help="an id of voices/manifest.json")
    parser.add_argument("--model", required=True, help="an id of models/manifest.json")
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--executable", type=Path, help="another pocket-tts than the one of this environment")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors; its sidecar goes beside it")
    args = parser.parse_args()
    voice = voices.resolve_voice(voices.load_voices(book.VOICE_MANIFEST), args.voice)
    entry = models.resolve(models.load_manifest(book.MODEL_MANIFEST), args.model)
    sidecar = voices.export_voice(
        voice,
        entry,
        models.read_lock(args.lock),
        args.out,
        runtime=args.runtime,
        executable=args.executable,
        committed_lock=book.MODEL_LOCK,
    )
    print(f"voice {voice.id}: {sidecar['frames']} frames, licence {voice.licence}")


if __name__ == "__main__":
    run_main(main)
