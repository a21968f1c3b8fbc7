"""The settings: defaults, limits, and the sentence for what is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from pockettts.config import BookConfig, differences, parse
from pockettts.config.document import default_yaml
from pockettts.errors import ConfigError


def test_the_printed_file_gives_the_defaults() -> None:
    assert parse(yaml.safe_load(default_yaml())) == BookConfig()


def test_every_key_has_a_comment() -> None:
    """A section has its comment on the line above, a value on its own line."""
    lines = default_yaml().splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r" *\w+:", line)]
    assert len(keys) > 90
    bare = [lines[number] for number in keys if "  # " not in lines[number] and "# " not in lines[number - 1]]
    assert not bare


@pytest.mark.parametrize(
    "values",
    [{}, {"voice": "alba"}, {"text": {"pauses": {"chapter": 3}}, "synth": {"temperature": 0.7, "tts_args": {"a": 1}}}],
)
def test_differences_are_what_was_set(values: dict[str, Any]) -> None:
    config = parse(values)
    assert parse(differences(config)) == config
    assert differences(config) == values


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"vioce": "a"}, "config.yaml: unknown key vioce. Did you mean voice?"),
        ({"text": {"pauses": {"chaptr": 1}}}, "config.yaml: unknown key text.pauses.chaptr. Did you mean chapter?"),
        ({"zzz": 1}, "config.yaml: unknown key zzz."),
        (
            {"synth": {"attempts": 0}},
            "synth.attempts: input should be greater than or equal to 1 (it is 0).",
        ),
        ({"audio": {"take_chain": ["reverb"]}}, "audio.take_chain.0"),
        ({"text": None}, "config.yaml: text:"),
    ],
)
def test_a_wrong_value_is_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(values)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        BookConfig().voice = "other"  # type: ignore[misc]
