"""The files in presets/: each names a model and a voice that exist and fit, and settings that its engine can follow."""

import pytest

from pockettts.config import parse
from pockettts.config.sources import read_file
from pockettts.project import Project
from support import ROOT

PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
LANGUAGES = {"dutch", "french", "german", "italian", "portuguese", "spanish"}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_can_be_built(path):
    project = Project(ROOT, parse(read_file(path), str(path))).checked()
    assert project.config.engine == "onnx"
    assert project.recipe.as_dict()["voice"]
    if not project.model.local:
        assert project.config.hub.allow_ungated
    if path.stem in LANGUAGES:
        assert project.config.model == path.stem


def test_there_is_one_for_each_language_of_the_models():
    assert LANGUAGES | {"natural", "int8"} == {path.stem for path in PRESETS}
