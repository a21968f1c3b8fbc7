"""Runs inside the environment of pocket-tts, as the child of `upstream.run`: the real command line, with a seed.

Usage: `python driver.py SEED generate ...` or `python driver.py exec PROGRAM ARGUMENT ...`. Needs nothing but the
standard library, because the interpreter may belong to a different environment without this package.

pocket-tts has no seed option, and a seed alone does not make it reproducible: its decoder takes as many frames at once
as happen to be queued. So the model that the command line loads is set to decode frame by frame, and the generator of
random numbers is seeded when speaking starts. Everything else is the unchanged program.
"""

import os
import signal
import sys
import threading
import time

JOIN_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when the one that started it ends, however it ends."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have ended before the request.
    if os.environ.get("POCKETTTS_PARENT", str(os.getppid())) != str(os.getppid()):
        os._exit(1)


def seed_generation(seed: int) -> None:
    """Make every model that is loaded after this call speak reproducibly."""
    import torch
    from pocket_tts import TTSModel

    load_model = TTSModel.load_model

    def load_seeded(*args, **kwargs):  # type: ignore[no-untyped-def]
        model = load_model(*args, **kwargs)
        model.max_decoder_frames_per_call = 1
        generate_audio_stream = model.generate_audio_stream

        def generate_seeded(*args, **kwargs):  # type: ignore[no-untyped-def]
            torch.manual_seed(seed)
            yield from generate_audio_stream(*args, **kwargs)

        model.generate_audio_stream = generate_seeded
        return model

    TTSModel.load_model = load_seeded


def run_command_line(arguments: "list[str]") -> None:
    """Call the entry point of the console script `pocket-tts`."""
    from importlib.metadata import entry_points

    (program,) = set(entry_points(group="console_scripts", name="pocket-tts"))
    sys.argv = ["pocket-tts", *arguments]
    try:
        sys.exit(program.load()())
    finally:
        # A thread that is alive when the interpreter ends can abort the process after complete audio.
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))


def main() -> None:
    """Run the command line."""
    die_with_parent()
    if sys.argv[1] == "exec":
        try:
            os.execv(sys.argv[2], sys.argv[2:])
        except OSError as error:
            sys.exit(f"cannot start: {error.strerror}")
    # The modules of our folder are not meant for this interpreter.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    seed_generation(int(sys.argv[1]))
    run_command_line(sys.argv[2:])


if __name__ == "__main__":
    main()
