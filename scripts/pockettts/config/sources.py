"""All settings of the command line and the server, and where each value came from.

    flags > POCKETTTS_* > a file (config.yaml of the workflow, or any YAML, TOML or JSON) > defaults

A variable is named by its key: POCKETTTS_SYNTH__SEED is synth.seed. The common keys have short names, which are those
of the flags: POCKETTTS_SEED is --seed.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import Field, PrivateAttr

from pockettts.config import BookConfig, Section, validate
from pockettts.config.reading import read_json, read_yaml
from pockettts.config.server import ServerConfig
from pockettts.errors import ConfigError
from pockettts.values import one_line

PREFIX = "POCKETTTS_"
NO_SETTINGS = {
    "POCKETTTS_CONFIG": "--config",
    "POCKETTTS_PROJECT": "--project",
    "POCKETTTS_PARENT": "the process that started pocket-tts",
}
"""Variables with the prefix that are not settings."""

SHORT = {
    "seed": "synth.seed",
    "precision": "synth.precision",
    "temperature": "synth.temperature",
    "attempts": "synth.attempts",
    "timeout": "synth.timeout_seconds",
    "executable": "synth.executable",
    "tts-arg": "synth.tts_args",
    "max-chunk-chars": "text.max_chars",
    "encoding": "text.encoding",
    "dictionary": "text.dictionary",
    "allow-ungated": "hub.allow_ungated",
    "log-level": "log.level",
    "listen": "server.listen",
    "workers": "server.workers",
    "queue": "server.queue",
    "max-text-bytes": "server.max_text_bytes",
    "request-timeout": "server.request_timeout",
    "shutdown-timeout": "server.shutdown_timeout",
    "metrics-addr": "server.metrics_addr",
    "wyoming-addr": "server.wyoming_addr",
    "token": "server.token",
    "token-file": "server.token_file",
    "cors-origins": "server.cors_origins",
    "log-format": "server.log_format",
    "log-text": "server.log_text",
}
"""Short names of keys, for flags and variables. A key of the first level, such as `voice`, is its own."""


class LogConfig(Section):
    """Messages on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least important messages shown"
    )


class Settings(BookConfig):
    """What config.yaml may hold, with the settings of the command line and the server."""

    log: LogConfig = LogConfig()
    server: ServerConfig = ServerConfig()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    def book_config(self) -> BookConfig:
        """Return the settings that config.yaml may hold."""
        return BookConfig(**{name: getattr(self, name) for name in BookConfig.model_fields})

    def origin(self, key: str) -> str:
        """Return where a key's value came from: "flag --x", "environment POCKETTTS_X", "file F" or "default"."""
        return self._origins.get(key, "default")


def load_settings(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, file: Path | None = None
) -> Settings:
    """Put the settings together. `flags` are by name without dashes; one that is None was not given.

    Raises `ConfigError` for an unknown key or an impossible value, naming the flag, the variable or the file.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source, values in _layers(flags or {}, environ or {}, file):
        validate(Settings, values, source)
        for key, value in _leaves(Settings, values):
            _set(merged, key, value)
            origins[key] = source
    settings = validate(Settings, merged, "the settings")
    settings._origins.update(origins)
    return settings


def _layers(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (source, nested values), the weakest first."""
    if file is not None:
        yield f"file {file}", read_file(file)
    for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in NO_SETTINGS):
        yield f"environment {name}", _from_variable(name, environ[name])
    for name, value in flags.items():
        if value is not None:
            yield f"flag --{name}", _nested(SHORT.get(name, name), value)


def _from_variable(name: str, text: str) -> dict[str, Any]:
    short = name.removeprefix(PREFIX).lower()
    key = SHORT.get(short.replace("_", "-")) or short.replace("__", ".")
    if key.split(".")[0] not in Settings.model_fields:
        keys = [*(name.replace("-", "_") for name in SHORT), *Settings.model_fields]
        near = difflib.get_close_matches(short, keys, n=1)
        hint = f" Did you mean {PREFIX}{near[0].upper()}?" if near else ""
        raise ConfigError(f"environment {name}: there is no setting of this name.{hint}")
    value = plain_value(text, typed=key.startswith("synth.tts_args"))
    if (isinstance(value, str) or not text.strip()) and _is_list(key):
        value = [part.strip() for part in text.split(",") if part.strip()]
    return _nested(key, value)


def _is_list(key: str) -> bool:
    """Whether a setting takes several values: in a variable they may be separated by commas."""
    model: Any = Settings
    for part in key.split("."):
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, Section) else None
        if field is None:
            return False
        model = field.annotation
    options = (model, *get_args(model))
    return any(get_origin(option) is tuple for option in options)


def plain_value(text: str, *, typed: bool = False) -> Any:
    """Read a value written as text: null, a list or a mapping as in YAML; anything else stays text.

    The schema turns text into numbers where it declares a type; where it declares none, `typed` lets YAML decide.
    """
    try:
        value = read_yaml(text)
    except ValueError:
        return text
    return value if typed or value is None or isinstance(value, list | dict) else text


def read_file(path: Path) -> dict[str, Any]:
    """Return the content of a configuration file, .yaml, .yml, .toml or .json. Raises `ConfigError`."""
    readers: dict[str, Callable[[str], Any]] = {
        ".yaml": read_yaml,
        ".yml": read_yaml,
        ".toml": tomllib.loads,
        ".json": read_json,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"The configuration file {path} must end in .yaml, .toml or .json.")
    try:
        content = reader(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        reason = one_line(error)
        raise ConfigError(f"The configuration file {path} is not valid {path.suffix[1:].upper()}: {reason}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"The configuration file {path} must hold keys and values.")
    return content


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, leaf = key.split(".")
    for part in parents:
        values = values.setdefault(part, {})
    if isinstance(value, Mapping) and isinstance(values.get(leaf), Mapping):
        value = {**values[leaf], **value}
    values[leaf] = value


def _leaves(model: type[Section], values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested values; `model` determines which of them are sections."""
    for name, value in values.items():
        section = model.model_fields[name].annotation
        if isinstance(section, type) and issubclass(section, Section):
            yield from _leaves(section, value, f"{path}{name}.")
        else:
            yield path + name, value


def variable(key: str) -> str:
    """Return the variable that sets a key, by its short name if it has one."""
    name = next((short for short, long in SHORT.items() if long == key), key.replace(".", "__"))
    return PREFIX + name.replace("-", "_").upper()


def effective(settings: Settings) -> list[tuple[str, Any, str]]:
    """Return every key with its value, as plain JSON types, and its origin, in the order of config.yaml."""
    values = settings.model_dump(mode="json")
    return [(key, value, settings.origin(key)) for key, value in _leaves(type(settings), values)]
