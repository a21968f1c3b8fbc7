"""The floors of the house: an import never goes up, the product needs no training, and no two classes share a name."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "scripts" / "pockettts"
# From the ground up. What shares a floor may not import each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("values",),
    ("log", "streams"),
    ("errors",),
    ("files",),
    ("config",),
    ("audio",),
    ("text",),
    ("upstream", "driver", "processor"),
    ("resident",),
    ("models",),
    ("voices",),
    ("bundle",),
    ("engines",),
    ("takes",),
    ("ear",),
    ("export",),
    ("project",),
    ("publish", "batches"),
    ("book",),
    ("provenance", "explain", "speaking", "forecast"),
    ("bench",),
    ("server",),
    ("first_contact", "doctor", "api"),
    ("cli",),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
TRAINING = {"bundled", "training"}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def floor_name(source: Path) -> str:
    """The module or package right below pockettts that a file belongs to; the package's own __init__ is `pockettts`."""
    first = source.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "pockettts" if first == "__init__" else first


def imported(source: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every module that a file may import, also inside its functions."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "pockettts":
            yield from ((node.lineno, f"pockettts.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}:{node.lineno} imports relatively"
            yield node.lineno, node.module or ""


def test_every_module_has_a_floor() -> None:
    names = {floor_name(source) for source in sources()} - {"pockettts"}
    assert names <= FLOOR.keys()


@pytest.mark.parametrize("source", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_an_import_never_goes_up(source: Path) -> None:
    here = floor_name(source)
    if here == "pockettts":
        return
    for line, module in imported(source):
        package, _, rest = module.partition(".")
        assert package not in TRAINING, f"{source}:{line} imports {module}"
        target = rest.split(".")[0]
        if package == "pockettts" and target in FLOOR and target != here:
            assert FLOOR[target] < FLOOR[here], f"{source}:{line}: {here} stands below {target}"


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for source in sources():
        for node in ast.parse(source.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(source.relative_to(PACKAGE)))
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert not shared
