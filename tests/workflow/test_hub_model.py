"""A build with a model and a voice of the hub: fetched once, verified, and then no connection is needed."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
import yaml

from support import ROOT
from support.hub import Hub
from support.workflow import Project

REVISION = "0123456789abcdef0123456789abcdef01234567"
VOICE = "voices/{name}.safetensors"


def _pin(path: str, *, gated: bool = False, repo: str = "someone/open") -> dict[str, object]:
    repo = "someone/gated" if gated else repo
    return {"repo": repo, "revision": REVISION, "path": path, "licence": "MIT", "gated": gated}


@pytest.fixture
def from_hub(project: Project, built_once: Project, empty_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The bundled model and its voice under the names of a hub."""
    config = yaml.safe_load((ROOT / "tests/babble/config.yaml").read_text())
    del config["weights_path"], config["flow_lm"]["lookup_table"]["tokenizer_path"]
    entry = {
        "language": "en",
        "licence": "MIT",
        "config": config,
        "weights": _pin("model.safetensors", gated=True),
        "ungated": _pin("model.safetensors"),
        "tokenizer": _pin("tokenizer.model"),
        "voices": _pin(VOICE),
    }
    path = project.root / "models/manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "models": {**manifest["models"], "remote": entry}}))
    weights = (ROOT / "tests/babble/model.safetensors").read_bytes()
    for role in ("weights", "ungated"):
        empty_hub.put(SimpleNamespace(**entry[role]), weights)
    empty_hub.put(SimpleNamespace(**_pin("tokenizer.model")), (ROOT / "tests/babble/tokenizer.model").read_bytes())
    voice = (built_once.root / "results/voices/bundled/bundled.safetensors").read_bytes()
    empty_hub.put(SimpleNamespace(**_pin(VOICE.format(name="alba"))), voice)
    project.write_text("Hello there, my friend.")
    project.configure(model="remote", voice="alba")
    monkeypatch.setenv("HF_HOME", str(project.root / "hf"))
    return project


def test_a_gated_model_is_asked_for_then_fetched_then_never_again(
    from_hub: Project, empty_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = from_hub.fails("results/book.wav")
    assert "accept its terms" in output
    assert "HF_TOKEN" in output
    monkeypatch.setenv("HF_TOKEN", empty_hub.token)
    from_hub.build()
    asked = len(empty_hub.requests)
    lock = json.loads((from_hub.root / "results/models/remote/lock.json").read_text())
    assert lock["voice_cloning"] is True
    assert lock["files"]["weights"]["revision"] == REVISION
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN")
    from_hub.write_text("Hello there, my foe.")
    from_hub.build("results/book/joined.wav")
    assert len(empty_hub.requests) == asked
    provenance = json.loads((from_hub.root / "results/book.provenance.json").read_text())
    assert provenance["voice"]["licence"] == "CC-BY-4.0"
    assert provenance["notices"] == []


def test_the_ungated_model_is_taken_only_if_allowed_and_that_is_said(from_hub: Project) -> None:
    from_hub.configure(model="remote", voice="alba", hub={"allow_ungated": True})
    assert "is taken instead" in from_hub.build("results/models/remote/lock.json")
    shutil.copy(ROOT / "tests/babble/voice.wav", from_hub.root / "voices/bundled.wav")
    from_hub.configure(model="remote", voice="bundled", hub={"allow_ungated": True})
    assert "cannot be made from a recording" in from_hub.fails("results/book.wav")


def test_wrong_bytes_stop_the_build_and_are_kept_aside(from_hub: Project, empty_hub: Hub) -> None:
    from_hub.configure(model="remote", voice="alba", hub={"allow_ungated": True})
    stored = empty_hub.files["someone/open", REVISION, "model.safetensors"]
    stored.served = bytes(len(stored.content))
    output = from_hub.fails("results/book.wav")
    assert "checksum" in output
    assert "model.safetensors" in output
    assert list((from_hub.root / "results/models/remote").rglob("*.bad"))
    stored.served = None
    from_hub.build("results/models/remote/lock.json")
