"""Manifest, download, lock and runtime configuration, against a loopback hub through the real client."""

import dataclasses
import hashlib
import json
import logging
import os
import runpy
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml

from pockettts import models
from pockettts.errors import ChecksumError, GatedModelError, HubUnreachable, ModelError
from pockettts.models import HubFile, LocalFile, ModelEntry, generate
from pockettts.models import hub as hub_module
from support import ROOT
from support.hub import Hub

REVISION = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"
CONFIG: dict[str, Any] = {
    "flow_lm": {
        "lookup_table": {"dim": 8},
        "transformer": {"d_model": 8, "num_heads": 2, "num_layers": 2},
    },
    "default_temperature": 0.3,
}
WEIGHTS = bytes(range(256)) * 1200  # 300 KB
OPEN_WEIGHTS = WEIGHTS[::-1]
TOKENIZER = b'{"model": "tiny"}\n'


@pytest.fixture
def entry() -> ModelEntry:
    return ModelEntry(
        id="tiny",
        language="en",
        licence="CC-BY-4.0",
        weights=HubFile("kyutai/gated", REVISION, "languages/tiny/model.safetensors", gated=True),
        ungated=HubFile("kyutai/open", OTHER, "languages/tiny/model.safetensors"),
        tokenizer=HubFile("kyutai/open", REVISION, "languages/tiny/tokenizer.json"),
        voices=HubFile("kyutai/open", OTHER, "languages/tiny/embeddings/{name}.safetensors"),
        config=CONFIG,
    )


@pytest.fixture
def hub(entry, empty_hub):
    empty_hub.put(entry.weights, WEIGHTS)
    empty_hub.put(entry.ungated, OPEN_WEIGHTS)
    empty_hub.put(entry.tokenizer, TOKENIZER, large=False)
    return empty_hub


@pytest.fixture
def token(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub.token


@pytest.fixture
def no_sockets(monkeypatch):
    """Whoever opens a connection from here on fails, in this process."""

    def forbid():
        def refuse(*args, **kwargs):
            raise AssertionError("a socket was opened")

        huggingface_hub.close_session()  # else a connection that is kept alive would serve
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    return forbid


@pytest.fixture
def breaking_off(monkeypatch):
    """Let the client keep what it has in steps of 64 KB instead of 10 MB, and not wait before it tries again."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 65_536)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)


def stored(hub: Hub, source: HubFile):
    return hub.files[source.repo, source.revision, source.path]


# --- manifest -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manifest():
    return models.load_manifest(ROOT / "models" / "manifest.json")


def test_the_committed_manifest_is_what_the_installed_package_gives():
    committed = json.loads((ROOT / "models" / "manifest.json").read_text())
    assert generate.generate_manifest(ROOT / "models") == committed


def test_check_finds_a_drift_and_writes_nothing(tmp_path, monkeypatch):
    main = runpy.run_path(str(ROOT / "scripts" / "write_manifest.py"))["main"]

    def write_manifest(*options):
        monkeypatch.setattr(sys, "argv", ["write_manifest.py", "--models", str(tmp_path), *options])
        main()

    (tmp_path / "known.json").write_text("{}")
    (tmp_path / "manifest.json").write_text('{"models": {}}')
    with pytest.raises(ModelError, match=r"manifest.json differs .*make manifest"):
        write_manifest("--check")
    assert (tmp_path / "manifest.json").read_text() == '{"models": {}}'
    write_manifest()
    write_manifest("--check")


def test_every_model_of_the_package_is_there(manifest):
    configs = generate.package_configs()
    assert len(configs) == 27
    assert set(configs) | {"bundled"} == set(manifest.models) | set(manifest.aliases)
    sizes = {f"english_{size}m{refl}_2026-10" for size in (2, 7, 18) for refl in ("", "_refl")}
    assert {"english_2026-10", "english_2026-04", "english_2026-01", "french", "dutch_24l", *sizes} <= set(configs)


def test_english_stands_for_the_dated_model(manifest):
    assert manifest.aliases == {"english": "english_2026-10"}
    assert models.resolve(manifest, "english").id == "english_2026-10"


def test_hub_files_are_pinned_and_only_the_cloning_weights_are_gated(manifest):
    for entry in manifest.models.values():
        if entry.local:
            continue
        for file in (entry.weights, entry.ungated, entry.tokenizer, entry.voices):
            assert len(file.revision) == 40
            assert file.gated is (file.repo == "kyutai/pocket-tts"), file
            assert file.licence == "CC-BY-4.0"
        assert entry.weights.gated


def test_the_manifest_says_what_the_package_says(manifest):
    config = generate.package_configs()["english_2m_2026-10"]
    entry = models.resolve(manifest, "english_2m_2026-10")
    for file, named in (
        (entry.weights, config["weights_path"]),
        (entry.ungated, config["weights_path_without_voice_cloning"]),
        (entry.tokenizer, config["flow_lm"]["lookup_table"]["tokenizer_path"]),
    ):
        assert isinstance(file, HubFile)
        assert f"hf://{file.repo}/{file.path}@{file.revision}" == named
    assert "hf://" not in json.dumps(entry.config)
    assert entry.config["mimi"] == config["mimi"]
    assert entry.voices
    assert entry.voices.path == "languages/english_2m_2026-10/embeddings/{name}.safetensors"


def test_the_bundled_model_says_that_it_is_a_toy(manifest):
    entry = models.resolve(manifest, "bundled")
    assert "toy" in str(entry.notice)
    assert entry.local
    assert entry.licence == "MIT"
    assert entry.weights.path == ROOT / "models/bundled/model.safetensors"


def test_an_unknown_model_is_answered_with_near_ids(manifest):
    with pytest.raises(ModelError, match=r"no model 'english_2026-11'.*english_2026-10"):
        models.resolve(manifest, "english_2026-11")
    with pytest.raises(ModelError, match="Known ids: bundled, dutch"):
        models.resolve(manifest, "zzz")


@pytest.mark.parametrize("content", ["{", "[]", '{"models": {"a": {}}, "aliases": {}}', '{"models": {}}'])
def test_a_broken_manifest_is_a_sentence(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ModelError, match="manifest"):
        models.load_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("path", ["hf://a/b/c@main", "hf://a/b/c", "a/b/c@" + REVISION, "hf://a/b@" + REVISION])
def test_only_a_commit_is_a_pin(path):
    with pytest.raises(ModelError, match="40 hex digits"):
        generate.parse_hub_path(path)


def test_the_twin_of_an_undated_config_must_be_one(manifest):
    configs = generate.package_configs()
    configs["english_2027-01"] = configs["english"]
    with pytest.raises(ModelError, match="2 dated twins"):
        generate._dated_twin("english", configs)
    configs["english"] = {**configs["english"], "default_temperature": 0.9}
    with pytest.raises(ModelError, match="0 dated twins"):
        generate._dated_twin("english", configs)


# --- pins ---------------------------------------------------------------------------------------------------------


def test_pins_of_a_hub_model_need_no_download(entry, no_sockets):
    no_sockets()
    pins = models.model_pins(entry)
    assert pins["weights"] == {"repo": "kyutai/gated", "revision": REVISION, "path": entry.weights.path}
    assert pins == models.model_pins(dataclasses.replace(entry, id="another name", notice="x"))


@pytest.mark.parametrize(
    "change",
    [
        {"config": {**CONFIG, "default_temperature": 0.4}},
        {"weights": HubFile("kyutai/gated", OTHER, "languages/tiny/model.safetensors")},
        {"tokenizer": HubFile("kyutai/open", REVISION, "other.json")},
        {"ungated": HubFile("kyutai/open", REVISION, "languages/tiny/model.safetensors")},
    ],
)
def test_pins_change_with_what_decides_the_samples(entry, change):
    assert models.model_pins(dataclasses.replace(entry, **change)) != models.model_pins(entry)


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "models" / "own"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "tokenizer.model").write_bytes(TOKENIZER)
    paths: dict[str, Any] = {**CONFIG, "weights_path": "model.safetensors"}
    paths["flow_lm"] = {**CONFIG["flow_lm"], "lookup_table": {"dim": 8, "tokenizer_path": "tokenizer.model"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(paths))
    return ModelEntry(
        id="own",
        language="en",
        licence="MIT",
        weights=LocalFile(folder / "model.safetensors"),
        tokenizer=LocalFile(folder / "tokenizer.model"),
        config_file=LocalFile(folder / "config.yaml"),
    )


def test_pins_of_a_local_model_are_its_bytes(local):
    before = models.model_pins(local)
    assert before["weights"] == {"sha256": hashlib.sha256(WEIGHTS).hexdigest()}
    local.weights.path.write_bytes(OPEN_WEIGHTS)
    assert models.model_pins(local) != before
    local.weights.path.unlink()
    with pytest.raises(ModelError, match=r"model.safetensors does not exist; restore it"):
        models.model_pins(local)
    with pytest.raises(ModelError, match=r"model.safetensors does not exist; restore it"):
        models.require_files(local)


def test_a_machine_without_the_files_of_a_local_model_knows_it_by_the_committed_lock(local, tmp_path):
    before = models.model_pins(local)
    models.copy_model(local, tmp_path / "handed over")
    local.weights.path.unlink()
    committed = {"weights": {"sha256": hashlib.sha256(WEIGHTS).hexdigest()}, "tokenizer": {"sha256": "not read"}}
    assert models.model_pins(local, committed) == before
    copies = [(tmp_path / "handed over" / name).read_bytes() for name in ("weights.safetensors", "tokenizer")]
    assert copies == [WEIGHTS, TOKENIZER]


# --- download -----------------------------------------------------------------------------------------------------


def test_download_fetches_what_is_pinned_with_the_token(entry, hub, token, tmp_path):
    done = models.download_model(entry, tmp_path / "tiny")
    assert done.files["weights"].file.read_bytes() == WEIGHTS
    assert done.files["tokenizer"].file.read_bytes() == TOKENIZER
    assert not done.ungated
    gated = hub.seen("HEAD", "kyutai/gated")
    assert gated
    assert all(f"/resolve/{REVISION}/" in request.path for request in gated)
    assert {request.authorization for request in gated} == {f"Bearer {token}"}
    assert not hub.seen("GET", "embeddings")
    assert models.read_download(entry, tmp_path / "tiny") == done


def test_the_token_does_not_leave_the_hub(entry, hub, token, tmp_path):
    models.download_model(entry, tmp_path / "tiny")
    cdn = [request for request in hub.requests if request.cdn]
    assert cdn
    assert {request.authorization for request in cdn} == {None}


def test_a_download_asks_for_what_the_manifest_names_and_writes_nowhere_else(entry, hub, token, tmp_path):
    code = (
        "import sys; from pathlib import Path; from pockettts import models\n"
        "entry = models.load_manifest(Path(sys.argv[1])).models['tiny']\n"
        "models.download_model(entry, Path(sys.argv[2]))"
    )
    document = {
        "aliases": {},
        "models": {
            "tiny": {
                "language": "en",
                "licence": "MIT",
                "config": CONFIG,
                **{
                    role: dataclasses.asdict(getattr(entry, role))
                    for role in ("weights", "ungated", "tokenizer", "voices")
                },
            }
        },
    }
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    home = tmp_path / "home"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
    environment |= {"HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HOME": str(home), "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-c", code, str(tmp_path / "manifest.json"), str(tmp_path / "tiny")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pins = {f"/{file.repo}/resolve/{file.revision}/{file.path}" for file in (entry.weights, entry.tokenizer)}
    assert {request.path for request in hub.requests} == pins
    assert not home.exists()


def test_files_that_are_there_and_right_open_no_socket(entry, hub, token, tmp_path, no_sockets):
    first = models.download_model(entry, tmp_path / "tiny")
    no_sockets()
    assert models.download_model(entry, tmp_path / "tiny") == first


def test_a_locked_file_put_there_by_hand_opens_no_socket(entry, hub, token, tmp_path, no_sockets):
    models.download_model(entry, tmp_path / "tiny")
    models.lock_model(entry, tmp_path / "tiny", tmp_path / "lock.json", commit=True)
    (tmp_path / "tiny" / "download.json").unlink()
    no_sockets()
    models.download_model(entry, tmp_path / "tiny", committed_lock=tmp_path / "lock.json")


def test_a_local_model_opens_no_socket_and_copies_nothing(local, tmp_path, no_sockets):
    no_sockets()
    done = models.download_model(local, tmp_path / "results" / "own")
    assert done.files["weights"].file == local.weights.path
    assert not (tmp_path / "results").exists()
    assert models.read_download(local, tmp_path / "results" / "own").files["weights"].file == local.weights.path


def test_a_damaged_file_is_kept_aside_and_fetched_again(entry, hub, token, tmp_path, caplog):
    file = models.download_model(entry, tmp_path / "tiny").files["weights"].file
    file.write_bytes(b"damaged" + WEIGHTS[7:])
    models.download_model(entry, tmp_path / "tiny")
    assert file.read_bytes() == WEIGHTS
    assert file.with_name("model.safetensors.bad").read_bytes().startswith(b"damaged")
    assert "Checksum mismatch: " in caplog.text


def test_a_body_that_breaks_off_is_resumed(entry, hub, token, tmp_path, breaking_off):
    weights = stored(hub, entry.weights)
    weights.cut_at, weights.cuts = 100_000, 1
    done = models.download_model(entry, tmp_path / "tiny")
    assert done.files["weights"].file.read_bytes() == WEIGHTS
    assert [request.range for request in hub.seen("GET", "gated") if request.cdn] == [None, "bytes=65536-"]


def test_a_body_that_always_breaks_off_at_the_same_place_ends(entry, hub, token, tmp_path, breaking_off):
    weights = stored(hub, entry.weights)
    weights.cut_at, weights.cuts = 100_000, 1000
    with pytest.raises(HubUnreachable, match=r"kyutai/gated/.*could not be fetched.*Check the connection"):
        models.download_model(entry, tmp_path / "tiny")
    assert not models.hub_path(entry.weights, tmp_path / "tiny").exists()


def test_a_truncated_body_without_ranges_does_not_start_over_for_ever(entry, hub, token, tmp_path, breaking_off):
    weights = stored(hub, entry.weights)
    weights.cut_at, weights.cuts, weights.ranges = 100_000, 1000, False
    with pytest.raises(HubUnreachable, match=r"broke off .* 3 times and cannot resume"):
        models.download_model(entry, tmp_path / "tiny")
    assert weights.cuts >= 990


def test_a_short_body_is_no_file(entry, hub, token, tmp_path):
    stored(hub, entry.weights).served = WEIGHTS[:5000]
    with pytest.raises(HubUnreachable, match=f"should be of size {len(WEIGHTS)} but has size 5000"):
        models.download_model(entry, tmp_path / "tiny")
    assert not models.hub_path(entry.weights, tmp_path / "tiny").exists()
    assert not (tmp_path / "tiny" / "download.json").exists()


def test_a_wrong_body_is_kept_aside_and_named(entry, hub, token, tmp_path):
    stored(hub, entry.weights).served = OPEN_WEIGHTS
    expected, actual = (hashlib.sha256(content).hexdigest() for content in (WEIGHTS, OPEN_WEIGHTS))
    with pytest.raises(ChecksumError) as caught:
        models.download_model(entry, tmp_path / "tiny")
    target = models.hub_path(entry.weights, tmp_path / "tiny")
    for part in ("kyutai/gated/languages/tiny/model.safetensors", expected, actual, f"{target}.bad"):
        assert part in str(caught.value)
    assert not target.exists()
    assert Path(f"{target}.bad").read_bytes() == OPEN_WEIGHTS


def test_a_wrong_small_file_is_found_by_its_git_object_id(entry, hub, token, tmp_path):
    stored(hub, entry.tokenizer).served = b'{"model": "evil"}\n'
    with pytest.raises(ChecksumError, match=r"tokenizer.json"):
        models.download_model(entry, tmp_path / "tiny")


def test_the_lock_outweighs_the_hub(entry, hub, token, tmp_path):
    models.download_model(entry, tmp_path / "tiny")
    models.lock_model(entry, tmp_path / "tiny", tmp_path / "lock.json", commit=True)
    hub.put(entry.weights, OPEN_WEIGHTS)  # content, size and etag agree with each other, but not with the lock
    with pytest.raises(ChecksumError, match=hashlib.sha256(WEIGHTS).hexdigest()):
        models.download_model(entry, tmp_path / "again", committed_lock=tmp_path / "lock.json")


def test_a_checksum_of_the_manifest_is_demanded(entry, hub, token, tmp_path):
    pinned = dataclasses.replace(entry, weights=dataclasses.replace(entry.weights, sha256="0" * 64))
    with pytest.raises(ChecksumError, match="should be 0000"):
        models.download_model(pinned, tmp_path / "tiny")


def test_a_mirror_without_checksums_is_refused(entry, hub, token, tmp_path):
    stored(hub, entry.tokenizer).etag = "W/weak-tag"
    with pytest.raises(ModelError, match="gives no checksum"):
        models.download_model(entry, tmp_path / "tiny")


# --- gated --------------------------------------------------------------------------------------------------------


def test_gated_without_token_says_what_to_accept_and_where(entry, hub, tmp_path):
    with pytest.raises(GatedModelError) as caught:
        models.download_model(entry, tmp_path / "tiny")
    assert "accept its terms at https://huggingface.co/kyutai/gated" in str(caught.value)
    assert "set HF_TOKEN to it" in str(caught.value)
    assert "https://huggingface.co/settings/tokens" in str(caught.value)
    assert not hub.seen("GET", "gated")
    assert caught.value.exit_code == 3


def test_gated_with_a_token_that_was_not_let_in(entry, hub, tmp_path, monkeypatch):
    hub.token = "hf_without_access"
    monkeypatch.setenv("HF_TOKEN", hub.token)
    with pytest.raises(GatedModelError, match=r"accept its terms at https://huggingface.co/kyutai/gated with the acc"):
        models.download_model(entry, tmp_path / "tiny")


def test_a_token_that_is_not_valid_is_named(entry, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(GatedModelError, match="HF_TOKEN is not valid; renew or unset it"):
        models.download_model(entry, tmp_path / "tiny", allow_ungated=True)


def test_the_ungated_file_is_taken_if_allowed_and_said_aloud(entry, hub, tmp_path, caplog):
    done = models.download_model(entry, tmp_path / "tiny", allow_ungated=True)
    assert done.ungated
    assert done.files["weights"].file.read_bytes() == OPEN_WEIGHTS
    assert done.files["weights"].source == entry.ungated
    warning = next(record for record in caplog.records if "ungated" in record.message)
    assert warning.levelno == logging.WARNING
    assert "accept its terms at" in warning.message
    assert "no voice can be made from a recording" in warning.message
    lock = models.lock_model(entry, tmp_path / "tiny")
    assert not lock.voice_cloning
    assert set(lock.files) == {"ungated", "tokenizer"}


def test_the_ungated_file_is_not_taken_if_the_gated_one_is_given(entry, hub, token, tmp_path):
    done = models.download_model(entry, tmp_path / "tiny", allow_ungated=True)
    assert not done.ungated
    assert not hub.seen("GET", f"open/resolve/{OTHER}")


def test_an_ungated_file_of_an_earlier_run_opens_no_socket(entry, hub, tmp_path, no_sockets, caplog):
    first = models.download_model(entry, tmp_path / "tiny", allow_ungated=True)
    caplog.clear()
    no_sockets()
    assert models.download_model(entry, tmp_path / "tiny", allow_ungated=True) == first
    assert "the gated file again" in caplog.text


def test_an_ungated_file_of_an_earlier_run_is_not_used_when_no_longer_allowed(entry, hub, tmp_path):
    models.download_model(entry, tmp_path / "tiny", allow_ungated=True)
    with pytest.raises(GatedModelError):
        models.download_model(entry, tmp_path / "tiny")


def test_other_failures_do_not_fall_back_to_the_ungated_file(entry, hub, token, tmp_path):
    stored(hub, entry.weights).head_status = 500
    with pytest.raises(HubUnreachable):
        models.download_model(entry, tmp_path / "tiny", allow_ungated=True)
    assert not hub.seen("GET", f"open/resolve/{OTHER}")


# --- a hub in trouble ---------------------------------------------------------------------------------------------


def test_a_hub_that_is_not_there_is_told_at_once(entry, hub, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    begin = time.monotonic()
    with pytest.raises(HubUnreachable) as caught:
        models.download_model(entry, tmp_path / "tiny")
    assert time.monotonic() - begin < 3
    assert f"could not be fetched from http://127.0.0.1:{port} (" in str(caught.value)
    assert "Check the connection" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_hub_that_does_not_answer_is_given_up(entry, hub, tmp_path, monkeypatch):
    monkeypatch.setattr(hub_module, "HEAD_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(HubUnreachable, match="timed out"):
            models.download_model(entry, tmp_path / "tiny")
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(("status", "words"), [(500, "answered 500"), (503, "answered 503"), (429, "limits requests")])
@pytest.mark.parametrize("phase", ["head_status", "get_status"])
def test_a_server_error_names_its_number(entry, hub, token, tmp_path, status, words, phase, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    setattr(stored(hub, entry.weights), phase, status)
    with pytest.raises(HubUnreachable, match=words) as caught:
        models.download_model(entry, tmp_path / "tiny")
    assert str(status) in str(caught.value)
    assert "kyutai/gated/languages/tiny/model.safetensors" in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"path": "languages/none.safetensors"}, {"revision": "1" * 40}, {"repo": "kyutai/none"}]
)
def test_a_missing_file_names_repository_revision_and_path(entry, hub, token, tmp_path, change):
    gone = dataclasses.replace(entry.weights, **change)
    with pytest.raises(ModelError) as caught:
        models.download_model(dataclasses.replace(entry, weights=gone), tmp_path / "tiny")
    assert type(caught.value) is ModelError
    for part in (gone.repo, gone.revision, gone.path, hub.url):
        assert part in str(caught.value)


def test_something_that_is_not_a_hub_is_told_from_one(entry, hub, token, tmp_path, monkeypatch):
    def portal(self, body):
        self._send(200, {"ETag": f'"{"a" * 40}"'}, b"<html>Please log in</html>", body)

    monkeypatch.setattr("support.hub._Handler._answer", portal)
    with pytest.raises(HubUnreachable, match="does not seem to be served by a Hugging Face Hub"):
        models.download_model(entry, tmp_path / "tiny")


def test_offline_mode_is_told_from_a_broken_connection(entry, hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE forbids"):
        models.download_model(entry, tmp_path / "tiny")


def test_a_full_or_read_only_disk_is_not_blamed_on_the_hub(entry, hub, token, tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "hub").write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"tiny") as caught:
        models.download_model(entry, tmp_path / "tiny")
    assert not isinstance(caught.value, ModelError)


# --- lock ---------------------------------------------------------------------------------------------------------


def test_first_use_locks_by_the_hubs_own_metadata(entry, hub, token, tmp_path, no_sockets):
    dest = tmp_path / "tiny"
    models.download_model(entry, dest)
    no_sockets()
    lock = models.lock_model(entry, dest, tmp_path / "lock.json")
    assert lock.files["weights"] == {
        **entry.weights.pin,
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "bytes": len(WEIGHTS),
    }
    assert lock.voice_cloning
    assert models.read_lock(dest / "lock.json") == lock
    assert not (tmp_path / "lock.json").exists()


def test_the_lock_holds_nothing_of_this_machine_or_moment(entry, hub, token, tmp_path):
    for place in ("here", "there"):
        models.download_model(entry, tmp_path / place)
        models.lock_model(entry, tmp_path / place)
    here, there = ((tmp_path / place / "lock.json").read_bytes() for place in ("here", "there"))
    assert here == there
    assert str(tmp_path).encode() not in here


def test_bytes_that_changed_after_the_download_stop_the_lock(entry, hub, token, tmp_path):
    dest = tmp_path / "tiny"
    file = models.download_model(entry, dest).files["weights"].file
    file.write_bytes(OPEN_WEIGHTS)
    with pytest.raises(ChecksumError, match=r"model.safetensors.bad"):
        models.lock_model(entry, dest)
    assert not (dest / "lock.json").exists()
    assert file.with_name(file.name + ".bad").read_bytes() == OPEN_WEIGHTS
    assert not (dest / "download.json").exists()  # or the rule download_model would not run again
    models.download_model(entry, dest)
    models.lock_model(entry, dest)


def test_the_committed_lock_stops_other_bytes(entry, hub, token, tmp_path):
    dest = tmp_path / "tiny"
    models.download_model(entry, dest)
    models.lock_model(entry, dest, tmp_path / "lock.json", commit=True)
    content = json.loads((tmp_path / "lock.json").read_text())
    content["tiny"]["tokenizer"]["sha256"] = "0" * 64
    (tmp_path / "lock.json").write_text(json.dumps(content))
    with pytest.raises(ChecksumError, match=r"kyutai/open/languages/tiny/tokenizer.json.*should be 0000"):
        models.lock_model(entry, dest, tmp_path / "lock.json")


def test_a_lock_entry_of_another_commit_says_nothing(entry, hub, token, tmp_path):
    dest = tmp_path / "tiny"
    models.download_model(entry, dest)
    models.lock_model(entry, dest, tmp_path / "lock.json", commit=True)
    moved = dataclasses.replace(entry, weights=dataclasses.replace(entry.weights, revision="2" * 40))
    hub.put(moved.weights, OPEN_WEIGHTS)
    models.download_model(moved, dest, committed_lock=tmp_path / "lock.json")
    lock = models.lock_model(moved, dest, tmp_path / "lock.json")
    assert lock.files["weights"]["sha256"] == hashlib.sha256(OPEN_WEIGHTS).hexdigest()


def test_committing_keeps_what_else_is_locked(entry, hub, token, tmp_path, monkeypatch):
    (tmp_path / "lock.json").write_text(json.dumps({"other": {"weights": {"sha256": "1" * 64}}}))
    models.download_model(entry, tmp_path / "a")
    models.lock_model(entry, tmp_path / "a", tmp_path / "lock.json", commit=True)
    monkeypatch.delenv("HF_TOKEN")
    models.download_model(entry, tmp_path / "b", allow_ungated=True)
    models.lock_model(entry, tmp_path / "b", tmp_path / "lock.json", commit=True)
    content = json.loads((tmp_path / "lock.json").read_text())
    assert content["other"] == {"weights": {"sha256": "1" * 64}}
    assert set(content["tiny"]) == {"weights", "tokenizer", "ungated"}
    assert content["tiny"]["weights"]["sha256"] != content["tiny"]["ungated"]["sha256"]


def test_the_digest_names_bytes_configuration_and_cloning(entry, hub, token, tmp_path):
    dest = tmp_path / "tiny"
    models.download_model(entry, dest)
    lock = models.lock_model(entry, dest)
    assert len(lock.digest) == 32
    others = [
        dataclasses.replace(lock, config="x"),
        dataclasses.replace(lock, voice_cloning=False),
        dataclasses.replace(lock, files={**lock.files, "weights": {**lock.files["weights"], "sha256": "0"}}),
    ]
    assert len({lock.digest, *(other.digest for other in others)}) == 4


def test_a_changed_local_model_stops_and_stays_until_it_is_committed(local, tmp_path):
    dest = tmp_path / "results"
    models.download_model(local, dest)
    models.lock_model(local, dest, tmp_path / "lock.json", commit=True)
    local.weights.path.write_bytes(OPEN_WEIGHTS)
    models.download_model(local, dest)
    with pytest.raises(ChecksumError, match=r"model.safetensors: the sha256 should be .* --commit"):
        models.lock_model(local, dest, tmp_path / "lock.json")
    assert local.weights.path.read_bytes() == OPEN_WEIGHTS
    models.download_model(local, dest)
    models.lock_model(local, dest, tmp_path / "lock.json", commit=True)
    models.lock_model(local, dest, tmp_path / "lock.json")


def test_a_record_of_another_model_is_not_believed(entry, hub, token, tmp_path):
    dest = tmp_path / "tiny"
    models.download_model(entry, dest)
    moved = dataclasses.replace(entry, weights=dataclasses.replace(entry.weights, revision="2" * 40))
    with pytest.raises(ModelError, match="does not match the model tiny"):
        models.lock_model(moved, dest)
    assert not (dest / "download.json").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"files": {}}', '{"files": {"weights": 3}, "ungated": false}'])
def test_a_damaged_record_is_a_sentence(entry, tmp_path, content):
    (tmp_path / "download.json").write_text(content)
    with pytest.raises(ModelError, match=r"download.json"):
        models.read_download(entry, tmp_path)


def test_the_committed_lock_knows_the_bundled_model():
    bundled = models.resolve(models.load_manifest(ROOT / "models/manifest.json"), "bundled")
    locked = json.loads((ROOT / "models/lock.json").read_text())["bundled"]
    for role, source in (("weights", bundled.weights), ("tokenizer", bundled.tokenizer)):
        assert locked[role]["sha256"] == hashlib.sha256(Path(source.path).read_bytes()).hexdigest()


def test_the_committed_lock_holds_nothing_stale():
    manifest = models.load_manifest(ROOT / "models/manifest.json")
    for name, files in json.loads((ROOT / "models/lock.json").read_text()).items():
        entry = models.resolve(manifest, name)
        for role, locked in files.items():
            source = {"weights": entry.weights, "ungated": entry.ungated, "tokenizer": entry.tokenizer}.get(role)
            if isinstance(source, HubFile):
                assert {key: locked[key] for key in source.pin} == source.pin


# --- runtime configuration ----------------------------------------------------------------------------------------


def test_the_runtime_configuration_needs_no_network(entry, hub, token, tmp_path):
    dest = tmp_path / "tiny"
    done = models.download_model(entry, dest)
    models.write_runtime(entry, done, dest / "runtime.yaml")
    text = (dest / "runtime.yaml").read_text()
    assert "hf://" not in text
    assert "http" not in text
    config = models.read_runtime(dest / "runtime.yaml")
    assert Path(config["weights_path"]).is_absolute()
    assert Path(config["weights_path"]).read_bytes() == WEIGHTS
    assert Path(config["flow_lm"]["lookup_table"]["tokenizer_path"]).read_bytes() == TOKENIZER
    assert models.strip_paths(config)[0] == CONFIG


def test_the_runtime_configuration_is_absolute_even_from_relative_folders(entry, hub, token, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models.download_model(entry, Path("tiny"))
    models.write_runtime(entry, models.read_download(entry, Path("tiny")), Path("tiny/runtime.yaml"))
    assert models.read_runtime(Path("tiny/runtime.yaml"))["weights_path"].startswith(str(tmp_path))


def test_a_runtime_configuration_whose_files_are_gone_is_a_sentence(local, tmp_path):
    models.write_runtime(local, models.download_model(local, tmp_path / "r"), tmp_path / "r" / "runtime.yaml")
    local.tokenizer.path.unlink()
    with pytest.raises(ModelError, match=r"names .*tokenizer.model, which is not there"):
        models.read_runtime(tmp_path / "r" / "runtime.yaml")


@pytest.mark.parametrize("name", ["bundled", "english_2026-10", "english_2m_refl_2026-10", "french_24l"])
def test_upstream_accepts_the_runtime_configuration(manifest, name, tmp_path):
    from pocket_tts.utils.config import load_config

    entry = models.resolve(manifest, name)
    file = tmp_path / "file"
    file.touch()
    fetched = models.Fetched(file, entry.weights)
    models.write_runtime(entry, models.Downloaded(name, {"weights": fetched, "tokenizer": fetched}), tmp_path / "r")
    loaded = load_config(tmp_path / "r")
    assert loaded.weights_path == str(file)
    assert loaded.weights_path_without_voice_cloning is None
    assert loaded.flow_lm.lookup_table.tokenizer_path == str(file)


# --- the module itself --------------------------------------------------------------------------------------------


def test_the_modules_are_light_enough_for_the_parse_of_a_snakefile():
    code = (
        "import sys, pockettts.models, pockettts.voices\n"
        "heavy = {'torch', 'pocket_tts', 'numpy', 'huggingface_hub', 'safetensors', 'soundfile', 'httpx2'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_progress_bar_shows_in_a_pipe(entry, hub, token, tmp_path, capsys):
    models.download_model(entry, tmp_path / "tiny")
    assert "model.safetensors" in capsys.readouterr().err
