"""Typed errors, for every other module.

Each error is one sentence for the user (what is wrong, where, what to do) and carries the exit code that
the scripts and the command line end with: 1 a job failed, 2 misuse, 3 the environment is not ready.
"""

import sys
from collections.abc import Callable

from pockettts import log, streams


class PocketTTSError(Exception):
    """Any failure that a user can cause or must learn of; `str(error)` is the sentence."""

    exit_code = 1


class UsageError(PocketTTSError):
    """The request itself is wrong: a bad option, an unknown name, an input that cannot be used."""

    exit_code = 2


class EnvironmentNotReady(PocketTTSError):
    """Something is not installed or not reachable."""

    exit_code = 3


class ConfigError(UsageError):
    """The configuration holds an unknown key or an impossible value."""


class ManuscriptError(UsageError):
    """The input text cannot be read: missing, empty, binary or without a word to speak."""


class DictionaryError(UsageError):
    """The pronunciation dictionary cannot be read."""


class ModelError(PocketTTSError):
    """A model is unknown, cannot be fetched or differs from the manifest or the lock."""


class GatedModelError(ModelError):
    """The hub requires accepted terms, or a token, for a file."""

    exit_code = 3


class HubUnreachable(ModelError):
    """The hub cannot be reached, or broke off, or answered with a server error."""

    exit_code = 3


class ChecksumError(ModelError):
    """A file's bytes differ from the lock; they were moved aside for inspection."""


class BundleError(ModelError):
    """An exported model is incomplete, altered or of a different version; or it cannot be exported."""


class VoiceError(PocketTTSError):
    """A voice is unknown, unusable with the model, or its licence forbids the use."""


class UnknownModel(ModelError):
    """No model of the manifest has this id."""

    exit_code = 2


class UnknownVoice(VoiceError):
    """No voice of the manifest has this id."""

    exit_code = 2


class AudioError(PocketTTSError):
    """Audio bytes are not what they should be: format, length or level."""


class DamagedFile(AudioError):
    """A recording or a take is missing, or was altered after its maker wrote down its sha256."""


class EngineError(PocketTTSError):
    """The engine did not deliver a take."""


class ExecutableNotFound(EngineError, EnvironmentNotReady):
    """There is no `pocket-tts` executable."""

    exit_code = 3


class EngineTimeout(EngineError):
    """The engine ran longer than allowed; `stderr` holds what it had printed."""

    def __init__(self, message: str, stderr: str = "") -> None:
        super().__init__(message)
        self.stderr = stderr


class EngineFailed(EngineError):
    """The engine exited non-zero; `code` is its exit code, `last_line` the last error line it printed."""

    def __init__(self, message: str, code: int, last_line: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.last_line = last_line


class NoEndOfSpeech(EngineError):
    """Generation ran to its maximum length without an end-of-speech signal."""


class TakeRejected(EngineError):
    """Every attempt at a chunk was rejected by the acceptance checks."""


class SynthesisCancelled(EngineError):
    """The engine stopped because nobody waits for the audio any more."""


def run_main(main: Callable[[], int | None]) -> None:
    """Run `main` as a program, with messages on stderr: a `PocketTTSError` becomes one line and its exit code.

    An interrupt exits 130, a missing or broken package 3, and a reader that closes our standard output is no error.
    Output that cannot be written is one, and standard streams may be closed at the start. Anything else is a bug and
    keeps its traceback.
    """
    streams.open_closed_streams()
    log.to_stderr()
    try:
        try:
            code = main() or 0
        finally:
            streams.flush_output()
        sys.exit(code)
    except PocketTTSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ImportError as error:
        if (error.name or "pockettts").split(".")[0] == "pockettts":
            raise
        print(f"error: The package {error.name} cannot be loaded ({error}): run `make env`.", file=sys.stderr)
        sys.exit(EnvironmentNotReady.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        streams.drop_output()
        sys.exit(0)
    except OSError as error:
        streams.drop_output()
        place = f" ({error.filename})" if error.filename else ""
        print(f"error: {error.strerror or error}{place}.", file=sys.stderr)
        sys.exit(1)
