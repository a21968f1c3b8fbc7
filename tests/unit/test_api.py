"""The public library: what `import pockettts` offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pockettts
from pockettts import api
from pockettts.config import BookConfig
from pockettts.errors import PocketTTSError, UsageError
from pockettts.speaking import Ready
from support import ROOT
from support.projects import Singer, copy_of_ready


def test_every_public_name_is_there() -> None:
    for name in pockettts.__all__:
        assert getattr(pockettts, name)
    assert Path(pockettts.SNAKEFILE).is_file()
    with pytest.raises(AttributeError, match="no attribute 'sythesize'"):
        _ = pockettts.sythesize


def test_its_page_is_that_of_its_docstrings(tmp_path: Path) -> None:
    page = tmp_path / "API.md"
    subprocess.run([sys.executable, ROOT / "scripts/write_api.py", page], check=True)
    assert page.read_text() == (ROOT / "docs/API.md").read_text(), "run `make docs`"


def test_importing_it_costs_nothing() -> None:
    code = "import sys, pockettts; print({'numpy', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_synthesize_gives_the_samples_of_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = pockettts.Project(copy_of_ready(tmp_path / "project"), BookConfig(engine="torch"))
    monkeypatch.setattr(Ready, "open_engine", lambda ready: Singer())
    one, two = (pockettts.synthesize("The road was white.", seed=seed, project=project) for seed in (1, 2))
    assert one.dtype == np.int16
    assert one.ndim == 1
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, pockettts.synthesize("The road was white.", seed=1, project=project))


def test_a_build_that_fails_raises_its_first_error(tmp_path: Path) -> None:
    text = tmp_path / "road.txt"
    text.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(PocketTTSError, match="binary"):
        api.build(text, folder=tmp_path / "book")
    with pytest.raises(UsageError, match=r"There is no text .*nothing\.txt"):
        api.build(tmp_path / "nothing.txt")


def test_init_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("voice: bundled\n")
    written = {path.name for path in pockettts.init(tmp_path)}
    assert written == {"Snakefile", "config.yaml", "manifest.json", "README.md"}
    assert (tmp_path / "config.yaml").read_text() == "voice: bundled\n"
    with pytest.raises(UsageError, match="is a file"):
        pockettts.init(tmp_path / "config.yaml")
