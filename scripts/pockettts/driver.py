"""Runs inside the environment of pocket-tts, as the child of `upstream`: the real command line, with a seed.

    python driver.py SEED generate ...             one command
    python driver.py exec PROGRAM ARGUMENT ...     a program that is not the Python package
    python driver.py resident SOCKET               one command after the other, each in a forked child

Needs nothing but the standard library, because the interpreter may belong to a different environment without this
package.

pocket-tts has no seed option, and a seed alone does not make it reproducible: its decoder takes as many frames at once
as happen to be queued. So the model that the command line loads is set to decode frame by frame, and the generator of
random numbers is seeded when speaking starts. Everything else is the unchanged program.

A process spends its first seconds on imports and on loading the model. The resident process does both once; each child
that it forks finds the model in memory and runs the command as a fresh process would, with arguments, environment,
standard input, output and error of its own, and gives the same bytes.
"""

import io
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Any

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


class SeededModels:
    """Loads models as pocket-tts does, makes them speak reproducibly, and keeps the last one for the same arguments."""

    def __init__(self) -> None:
        from pocket_tts import TTSModel

        self.seed = 0
        self._load = TTSModel.load_model
        self._loaded: tuple[str, Any] = ("", None)
        TTSModel.load_model = self.load

    def load(self, *args: Any, **kwargs: Any) -> Any:
        """Stand in for `TTSModel.load_model`."""
        import torch

        call = repr((args, sorted(kwargs.items())))
        if self._loaded[0] == call:
            return self._loaded[1]
        model = self._load(*args, **kwargs)
        model.max_decoder_frames_per_call = 1
        generate_audio_stream = model.generate_audio_stream

        def generate_seeded(*args: Any, **kwargs: Any) -> Any:
            torch.manual_seed(self.seed)
            yield from generate_audio_stream(*args, **kwargs)

        model.generate_audio_stream = generate_seeded
        self._loaded = call, model
        return model

    def preload(self, arguments: "list[str]") -> None:
        """Load the model that a command would load. A command that fails before that is left to fail in its child."""
        from pocket_tts import TTSModel

        class Reached(BaseException):
            """The command has come as far as loading its model."""

        def reach(*args: Any, **kwargs: Any) -> Any:
            raise Reached(args, kwargs)

        before = sys.stdin, sys.stdout, sys.stderr
        TTSModel.load_model = reach
        try:
            sys.stdin, sys.stdout, sys.stderr = io.StringIO("text"), io.StringIO(), io.StringIO()
            run_command_line(arguments)
        except Reached as reached:
            TTSModel.load_model = self.load
            sys.stdin, sys.stdout, sys.stderr = before
            args, kwargs = reached.args
            self.load(*args, **kwargs)
        except BaseException:
            return
        finally:
            TTSModel.load_model = self.load
            sys.stdin, sys.stdout, sys.stderr = before


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


def serve_commands(channel: socket.socket) -> None:
    """Run commands until the other side closes the channel: a line of JSON in, the child's process id and its end out.

    A request is {"seed", "arguments", "environment"} with three file descriptors, for its standard streams.
    """
    models = SeededModels()
    prepared = None
    while True:
        data, descriptors = b"", []
        while not data.endswith(b"\n"):
            part, received, _, _ = socket.recv_fds(channel, 65_536, 3)
            descriptors += received
            if not part:
                return
            data += part
        request = json.loads(data)
        if prepared != request["arguments"]:
            models.preload(request["arguments"])
            prepared = request["arguments"]
        child = os.fork()
        if child == 0:
            channel.close()
            run_child(models, request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        channel.sendall(b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        channel.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def run_child(models: SeededModels, request: "dict[str, Any]", descriptors: "list[int]") -> None:
    """Be the process of one command; never returns."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.environ["POCKETTTS_PARENT"] = str(os.getppid())
        os.setsid()
        die_with_parent()
        for standard, descriptor in enumerate(descriptors):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        # As an interpreter opens them when it starts.
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8", "surrogateescape")
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8")
        errors = io.BufferedWriter(io.FileIO(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(errors, "utf-8", "backslashreplace", line_buffering=True)
        models.seed = request["seed"]
        run_command_line(request["arguments"])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


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
    if sys.argv[1] == "resident":
        serve_commands(socket.socket(fileno=int(sys.argv[2])))
        return
    models = SeededModels()
    models.seed = int(sys.argv[1])
    run_command_line(sys.argv[2:])


if __name__ == "__main__":
    main()
