"""Strict reading of settings as text: values that YAML or JSON would silently misread are refused."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from pockettts.files import parse_json
from pockettts.values import one_line

_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


class _StrictLoader(yaml.SafeLoader):
    """A SafeLoader that refuses duplicate keys, and numbers that YAML 1.1 reads as octal or in base 60."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping. Raises `ConstructorError` for a duplicate key."""
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} occurs twice", key.start_mark)
            if name is not None and name != "<<":
                seen.add(name)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number. Raises `ConstructorError` if YAML would misread it."""
        text = str(self.construct_scalar(node))
        for pattern, kind in ((_OCTAL, "an octal number"), (_BASE_60, "a number to the base of 60")):
            if pattern.fullmatch(text):
                value = super().construct_yaml_int(node)
                problem = f"YAML takes {text} for {kind}, {value}: write {value}, or put quotes around it"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return int(super().construct_yaml_int(node))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Return a number. Raises `ConstructorError` if YAML would misread it."""
        text = str(self.construct_scalar(node))
        value = float(super().construct_yaml_float(node))
        if _BASE_60.fullmatch(text):
            problem = f"YAML takes {text} for a number to the base of 60, {value}: put quotes around it"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return value


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_yaml_float)


def read_yaml(text: str) -> Any:
    """Return the value of a YAML text. Raises `ValueError`, also for a duplicate key."""
    try:
        return yaml.load(text, _StrictLoader)
    except yaml.YAMLError as error:
        raise ValueError(one_line(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(text: str) -> Any:
    """Return the value of a JSON text. Raises `ValueError`, also for a duplicate key."""
    return parse_json(text, unique=True)
