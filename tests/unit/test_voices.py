"""Voice manifest, licences, export and the check that a voice belongs to the model."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save, save_file

from pockettts import models, voices
from pockettts.errors import ChecksumError, ExecutableNotFound, HubUnreachable, ModelError, VoiceError
from pockettts.files import read_json, sha256_file
from pockettts.models import HubFile, Lock, ModelEntry, check_pins
from pockettts.voices import Predefined, Recording, Voice
from support import ROOT

OTHER = "fedcba9876543210fedcba9876543210fedcba98"
# 2 layers, 4 heads sharing 2 key/value heads, 6 wide
CONFIG = {
    "flow_lm": {"transformer": {"d_model": 16, "num_heads": 4, "num_layers": 2, "attn_dim": 24, "num_kv_heads": 2}}
}
FRAMES = 5
LOCK = Lock("tiny", {"weights": {"sha256": "1" * 64}}, "c", voice_cloning=True)


def tensors(layers=2, heads=2, width=6, frames=FRAMES):
    content = {}
    for layer in range(layers):
        name = f"transformer.layers.{layer}.self_attn"
        content[f"{name}/cache"] = np.full((2, 1, frames, heads, width), 0.25, np.float32)
        content[f"{name}/offset"] = np.array([frames], np.int64)
    return content


def broken_tensors():
    content = tensors()
    content["transformer.layers.1.self_attn/cache"][0, 0, 0, 0, 0] = np.nan
    return content


@pytest.fixture
def entry():
    gated = HubFile("kyutai/gated", OTHER, "m.safetensors", gated=True)
    pin = HubFile("kyutai/open", OTHER, "languages/tiny/embeddings/{name}.safetensors")
    return ModelEntry("tiny", "en", "CC-BY-4.0", gated, pin, voices=pin, config=CONFIG)


@pytest.fixture
def predefined():
    return Voice("alba", Predefined("alba", "hf://x"), "CC-BY-4.0", True, "Alba MacKenna")


def tone(seconds=3.0, rate=24_000, level=0.3):
    time = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def recording(path, right="my own voice", **source):
    return Voice("mine", Recording(path, **source), "all rights reserved", False, "me", right)


# --- the committed manifest ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manifest():
    return voices.load_voices(ROOT / "voices" / "manifest.json")


def test_every_predefined_voice_is_there_with_its_origin(manifest):
    from pocket_tts.utils import utils

    upstream = utils._ORIGINS_OF_PREDEFINED_VOICES
    assert len(upstream) == 27
    assert {name: voice.source.origin for name, voice in manifest.items() if isinstance(voice.source, Predefined)} == (
        upstream
    )
    assert all(voice.source.name == name for name, voice in manifest.items() if name in upstream)


def test_pins_are_those_of_upstream(manifest):
    from pocket_tts.utils.utils import get_predefined_voice

    entry = models.resolve(models.load_manifest(ROOT / "models/manifest.json"), "english")
    pin = voices.voice_pin(manifest["alba"], entry)
    assert f"hf://{pin['repo']}/{pin['path']}@{pin['revision']}" == get_predefined_voice("english_2026-10", "alba")


# By the sections of https://huggingface.co/kyutai/tts-voices; what that page does not cover is unknown.
@pytest.mark.parametrize(
    ("folder", "licence", "commercial"),
    [
        ("kyutai/tts-voices/alba-mackenna/", "CC-BY-4.0", True),
        ("kyutai/tts-voices/vctk/", "CC-BY-4.0", True),
        ("kyutai/tts-voices/voice-donations/", "CC0-1.0", True),
        ("kyutai/tts-voices/voice-zero/", "CC0-1.0", True),
        ("kyutai/tts-voices/unmute-prod-website/developpeuse", "CC0-1.0", True),
        ("kyutai/tts-voices/expresso/", "CC-BY-NC-4.0", False),
        ("kyutai/tts-voices/ears/", "CC-BY-NC-4.0", False),
        ("kyutai/pocket-tts/", "unknown", False),
    ],
)
def test_licences_are_those_of_the_voice_page(manifest, folder, licence, commercial):
    found = [
        voice
        for voice in manifest.values()
        if isinstance(voice.source, Predefined) and voice.source.origin.startswith(f"hf://{folder}")
    ]
    assert found
    assert {(voice.licence, voice.commercial) for voice in found} == {(licence, commercial)}
    assert all(voice.attribution and voice.licence_source for voice in found)


def test_nothing_unknown_or_non_commercial_is_sold(manifest):
    for voice in manifest.values():
        if voice.licence == "unknown" or "-NC-" in voice.licence:
            assert not voice.commercial


def test_the_bundled_voice_is_usable(manifest):
    voice = manifest["bundled"]
    assert voice.right
    assert voice.commercial
    assert 1 < voices.check_recording(voice.source.path).seconds <= 30


# --- reading a manifest -------------------------------------------------------------------------------------------

GOOD = {
    "source": {"type": "audio", "path": "me.wav"},
    "licence": "all rights reserved",
    "commercial": True,
    "attribution": "me",
    "right": "my own voice",
}


def written(tmp_path, value):
    path = tmp_path / "manifest.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_an_entry_of_ones_own(tmp_path):
    voice = voices.load_voices(written(tmp_path, {"me": GOOD}))["me"]
    assert voice.source == Recording(tmp_path / "me.wav")
    assert voice.right == "my own voice"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"right": None}, "'right' is missing: write why you may use this recording"),
        ({"right": "  "}, "'right' is missing: write why you may use this recording"),
        ({"licence": None}, "the field 'licence' is missing"),
        ({"commercial": None}, "the field 'commercial' is missing"),
        ({"attribution": None}, "the field 'attribution' is missing"),
        ({"source": None}, "the field 'source' is missing"),
        ({"commercial": "no"}, "commercial must be of type bool"),
        ({"license": "MIT"}, "unknown field 'license'; the fields are source, licence"),
        ({"source": {"type": "audio"}}, "source must be"),
        ({"source": {"type": "audio", "path": "a.wav", "url": "b"}}, "source must be"),
        ({"source": {"type": "predefined", "name": "alba"}}, "source must be"),
        ({"source": {"type": "cloud", "path": "a.wav"}}, "source must be"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(tmp_path, change, message):
    values = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(VoiceError, match=f"manifest.json: voice 'me'.*{message}"):
        voices.load_voices(written(tmp_path, {"me": values}))


@pytest.mark.parametrize("name", ["../x", "a b", "", "-x", "a/b", "é"])
def test_an_id_must_be_fit_for_a_file_name(tmp_path, name):
    with pytest.raises(VoiceError, match="letters, digits"):
        voices.load_voices(written(tmp_path, {name: GOOD}))


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 3}', "3"])
def test_a_broken_manifest_is_a_sentence(tmp_path, content):
    with pytest.raises(VoiceError, match=r"manifest.json"):
        voices.load_voices(written(tmp_path, content))


def test_a_missing_manifest_is_a_sentence(tmp_path):
    with pytest.raises(VoiceError, match=r"voice manifest .* does not exist"):
        voices.load_voices(tmp_path / "none.json")


def test_an_unknown_voice_is_answered_with_near_ids(manifest):
    assert voices.resolve_voice(manifest, "alba").id == "alba"
    with pytest.raises(VoiceError, match=r"no voice 'charlie' .*Did you mean charles"):
        voices.resolve_voice(manifest, "charlie")
    with pytest.raises(VoiceError, match="Known ids: alba, anna"):
        voices.resolve_voice(manifest, "zzzzzz")


# --- licence ------------------------------------------------------------------------------------------------------


def test_a_commercial_build_refuses_a_voice_that_forbids_it(manifest):
    voices.check_licence(manifest["alba"], commercial=True)
    voices.check_licence(manifest["cosette"], commercial=False)
    with pytest.raises(VoiceError, match=r"'cosette' may not be used commercially \(licence: CC-BY-NC-4.0\)"):
        voices.check_licence(manifest["cosette"], commercial=True)
    with pytest.raises(VoiceError, match="licence: unknown"):
        voices.check_licence(manifest["rafael"], commercial=True)


def test_a_build_with_such_a_voice_says_so(manifest):
    assert voices.licence_notice(manifest["alba"]) is None
    assert "CC-BY-NC-4.0" in str(voices.licence_notice(manifest["jean"]))


# --- pins ---------------------------------------------------------------------------------------------------------


def test_the_pin_of_a_recording_is_its_bytes(tmp_path, entry):
    path = tmp_path / "me.wav"
    path.write_bytes(b"one")
    first = voices.voice_pin(recording(path), entry)
    path.write_bytes(b"two")
    assert voices.voice_pin(recording(path), entry) != first
    moved = path.rename(tmp_path / "you.wav")
    moved.write_bytes(b"one")
    assert voices.voice_pin(recording(moved), entry) == first


def test_a_recording_that_changed_or_is_gone_is_said(tmp_path, entry):
    path = tmp_path / "me.wav"
    path.write_bytes(b"one")
    with pytest.raises(VoiceError, match=r"me.wav of the voice 'mine' has the sha256 7692.*0000"):
        voices.voice_pin(recording(path, sha256="0" * 64), entry)
    with pytest.raises(VoiceError, match=r"none.wav of the voice 'mine' does not exist"):
        voices.voice_pin(recording(tmp_path / "none.wav"), entry)


def test_a_predefined_voice_has_a_pin_for_each_model(entry, predefined):
    assert voices.voice_pin(predefined, entry) == {
        "repo": "kyutai/open",
        "revision": OTHER,
        "path": "languages/tiny/embeddings/alba.safetensors",
    }
    with pytest.raises(VoiceError, match="only for the models of the hub, not for 'tiny'"):
        voices.voice_pin(predefined, dataclasses.replace(entry, voices=None))


def test_the_entry_of_a_recording_is_one_to_paste(tmp_path, entry):
    path = tmp_path / "sub" / "My voice!.wav"
    path.parent.mkdir()
    soundfile.write(path, tone(), 24_000)
    assert voices.id_of(path) == "My-voice"
    pasted = {"me": voices.manifest_entry(path, tmp_path)}
    assert pasted["me"]["source"] == {"type": "audio", "path": "sub/My voice!.wav", "sha256": sha256_file(path)}
    assert not pasted["me"]["commercial"]
    with pytest.raises(VoiceError, match="right"):
        voices.load_voices(written(tmp_path, pasted))
    pasted["me"]["right"] = "my own voice"
    loaded = voices.load_voices(written(tmp_path, pasted))["me"]
    assert voices.voice_pin(loaded, entry)


# --- shapes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transformer", "expected"),
    [
        ({"d_model": 1024, "num_heads": 16, "num_layers": 6}, (6, 16, 64)),
        ({"d_model": 112, "num_heads": 3, "num_layers": 8, "attn_dim": 192, "num_kv_heads": 1}, (8, 1, 64)),
        ({"d_model": 64, "num_heads": 4, "num_layers": 2, "attn_dim": None, "num_kv_heads": None}, (2, 4, 16)),
    ],
)
def test_expected_layers(transformer, expected):
    assert voices.expected_layers({"flow_lm": {"transformer": transformer}}) == expected


def check(path):
    frames = voices.check_shapes(path, voices.read_tensors(path), CONFIG)
    voices.check_values(path)
    return frames


def test_a_voice_that_fits(tmp_path):
    path = tmp_path / "v.safetensors"
    save_file(tensors(), path)
    assert check(path) == FRAMES


def test_a_voice_of_the_first_release_fits(tmp_path):
    content = {name: value for name, value in tensors().items() if name.endswith("cache")}
    content |= {name.replace("cache", "current_end"): np.zeros(FRAMES, np.int64) for name in list(content)}
    path = tmp_path / "v.safetensors"
    save_file(content, path)
    assert check(path) == FRAMES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensors(layers=3), "it has 3 layers, this model has 2"),
        (tensors(layers=1), "it has 1 layers, this model has 2"),
        (tensors(heads=3), r"layer 0 has the shape \[2, 1, 5, 3, 6\], this model needs \[2, 1, frames, 2, 6\]"),
        (tensors(width=7), "made for a different model"),
        (tensors(frames=0), "made for a different model"),
        ({**tensors(), "transformer.layers.1.self_attn/cache": np.zeros((2, 1, 4, 2, 6), np.float32)}, "layer 1"),
        ({"audio_prompt": np.zeros((1, 5, 16), np.float32)}, r"format of pocket-tts 1\.0 .*export the voice again"),
    ],
)
def test_a_voice_of_another_model_is_refused(tmp_path, content, message):
    path = tmp_path / "v.safetensors"
    save_file(content, path)
    with pytest.raises(VoiceError, match=message):
        check(path)


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b[:20], lambda b: b"", lambda b: b"x" * 100])
def test_a_damaged_voice_is_said(tmp_path, damage):
    path = tmp_path / "v.safetensors"
    path.write_bytes(damage(save(tensors())))
    with pytest.raises(VoiceError, match=r"v.safetensors is damaged .*delete it and run again"):
        check(path)


def test_a_voice_with_values_that_are_not_numbers_is_refused(tmp_path):
    path = tmp_path / "v.safetensors"
    save_file(broken_tensors(), path)
    with pytest.raises(VoiceError, match="not numbers"):
        check(path)


def test_a_voice_whose_length_is_not_what_it_says_is_refused(tmp_path):
    content = tensors()
    content["transformer.layers.1.self_attn/offset"] = np.array([FRAMES + 1], np.int64)
    path = tmp_path / "v.safetensors"
    save_file(content, path)
    with pytest.raises(VoiceError, match="claims 6 frames but holds 5"):
        check(path)


# --- predefined voices, through the hub -----------------------------------------------------------------------------


@pytest.fixture
def hub(empty_hub, entry, predefined):
    empty_hub.put(voices.embedding(predefined, entry), save(tensors()))
    return empty_hub


@pytest.fixture
def export(tmp_path, entry, predefined):
    out = tmp_path / "voices" / "tiny" / "alba.safetensors"

    def run(voice=predefined, lock=LOCK, **options):
        return voices.export_voice(voice, entry, lock, out, runtime=tmp_path / "m" / "runtime.yaml", **options), out

    return run


def test_a_predefined_voice_is_fetched_at_its_pin_and_described(hub, export):
    sidecar, out = export()
    assert out.read_bytes() == save(tensors())
    assert f"/resolve/{OTHER}/languages/tiny/embeddings/alba.safetensors" in hub.seen("GET")[0].path
    assert sidecar == read_json(out.with_suffix(".json"))
    assert sidecar["frames"] == FRAMES
    assert sidecar["model_lock"] == LOCK.digest
    assert sidecar["source"]["revision"] == OTHER
    assert sidecar["tensors"]["transformer.layers.1.self_attn/cache"] == ["F32", [2, 1, 5, 2, 6]]
    assert voices.check_voice(out, LOCK, CONFIG) == sidecar
    assert sorted(path.name for path in out.parent.iterdir()) == ["alba.json", "alba.safetensors"]


def test_a_predefined_voice_needs_no_cloning(hub, export):
    export(lock=dataclasses.replace(LOCK, voice_cloning=False))


def test_a_predefined_voice_that_is_there_is_not_fetched_again(hub, export, tmp_path):
    lock = tmp_path / "lock.json"
    export(committed_lock=lock, commit=True)
    before = len(hub.requests)
    export(committed_lock=lock)
    assert len(hub.requests) == before


def test_a_predefined_voice_is_held_against_the_committed_lock(hub, export, entry, predefined, tmp_path):
    lock = tmp_path / "lock.json"
    export(committed_lock=lock, commit=True)
    assert json.loads(lock.read_text())["tiny"]["voice/alba"]["path"] == "languages/tiny/embeddings/alba.safetensors"
    shutil.rmtree(tmp_path / "m")
    hub.put(voices.embedding(predefined, entry), save(tensors(frames=7)))
    with pytest.raises(ChecksumError, match=r"alba.safetensors"):
        export(committed_lock=lock)


@pytest.mark.parametrize(
    ("content", "message"), [(tensors(layers=3), "made for a different model"), (broken_tensors(), "not numbers")]
)
def test_a_fetched_voice_that_does_not_fit_gets_no_name(hub, export, entry, predefined, tmp_path, content, message):
    hub.put(voices.embedding(predefined, entry), save(content))
    with pytest.raises(VoiceError, match=message):
        export()
    assert list((tmp_path / "voices" / "tiny").iterdir()) == []


def test_a_hub_that_is_away_stops_a_predefined_voice(hub, export, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachable, match=r"alba.safetensors .*could not be fetched"):
        export()


# --- belonging to the model ---------------------------------------------------------------------------------------


def test_a_voice_of_another_lock_is_refused(hub, export):
    _, out = export()
    other = dataclasses.replace(LOCK, config="d")
    with pytest.raises(VoiceError, match=f"lock {LOCK.digest}, now {other.digest}.*delete it and run again"):
        voices.check_voice(out, other, CONFIG)


def test_a_voice_or_a_model_that_changed_since_the_build_was_planned_is_refused() -> None:
    pin = {"sha256": "a" * 64}
    voices.check_source(Path("v.safetensors"), {"source": pin}, pin)
    with pytest.raises(VoiceError, match="different recording"):
        voices.check_source(Path("v.safetensors"), {"source": {"sha256": "b" * 64}}, pin)
    check_pins(LOCK, {"weights": {"sha256": "1" * 64}, "config": "c"})
    with pytest.raises(ModelError, match=r"weights .*tiny"):
        check_pins(LOCK, {"weights": {"sha256": "2" * 64}})


def test_a_voice_without_its_sidecar_or_with_another_is_refused(hub, export):
    sidecar, out = export()
    out.with_suffix(".json").write_text(json.dumps({**sidecar, "sha256": "0" * 64}))
    with pytest.raises(VoiceError, match="differs from its sidecar"):
        voices.check_voice(out, LOCK, CONFIG)
    out.with_suffix(".json").write_text("[]")
    with pytest.raises(VoiceError, match="sidecar"):
        voices.check_voice(out, LOCK, CONFIG)
    out.with_suffix(".json").unlink()
    with pytest.raises(VoiceError, match=r"sidecar .* does not exist"):
        voices.check_voice(out, LOCK, CONFIG)
    out.unlink()
    with pytest.raises(VoiceError, match=r"voice file .* does not exist"):
        voices.check_voice(out, LOCK, CONFIG)


# --- recordings ---------------------------------------------------------------------------------------------------


def test_the_ungated_weights_make_no_voice_of_a_recording(tmp_path, export):
    soundfile.write(tmp_path / "me.wav", tone(), 24_000)
    with pytest.raises(VoiceError, match="fetched from the ungated repository, whose weights cannot clone voices"):
        export(recording(tmp_path / "me.wav"), dataclasses.replace(LOCK, voice_cloning=False))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_formats_that_can_be_read(tmp_path, suffix):
    path = tmp_path / f"me{suffix}"
    soundfile.write(path, tone(), 24_000)
    assert voices.check_recording(path).seconds == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (tone(0.9), "is 0.90 s long; a voice needs at least 1 s"),
        (tone(0.0), "is 0.00 s long"),
        (tone(3, level=0.0005), "is silent"),
        (np.concatenate([np.zeros(31 * 24_000, np.float32), tone()]), "silent in its first 30 s"),
        (tone(601), "is 10 minutes long"),
    ],
)
def test_recordings_that_are_no_voice(tmp_path, samples, message):
    path = tmp_path / "me.wav"
    soundfile.write(path, samples, 24_000)
    with pytest.raises(VoiceError, match=f"me.wav .*{message}|me.wav {message}"):
        voices.check_recording(path)


def test_a_float_recording_of_no_numbers_is_no_voice(tmp_path):
    path = tmp_path / "me.wav"
    soundfile.write(path, np.full(48_000, np.nan, np.float32), 24_000, subtype="FLOAT")
    with pytest.raises(VoiceError, match="not numbers"):
        voices.check_recording(path)


def test_what_lies_behind_the_used_frames_does_not_count(tmp_path):
    content = tensors(frames=FRAMES)
    for layer in range(2):
        content[f"transformer.layers.{layer}.self_attn/cache"][:, :, -1] = np.nan
        content[f"transformer.layers.{layer}.self_attn/offset"] = np.array([FRAMES - 1], np.int64)
    path = tmp_path / "v.safetensors"
    save_file(content, path)
    assert check(path) == FRAMES


@pytest.mark.parametrize("content", [b"", b"not audio at all" * 100, b"RIFF\x00\x00\x00\x00WAVE"])
def test_an_unreadable_recording_is_a_sentence(tmp_path, content):
    path = tmp_path / "me.wav"
    path.write_bytes(content)
    with pytest.raises(VoiceError, match=r"me.wav cannot be read .*WAV, FLAC or MP3"):
        voices.check_recording(path)


def sounding(seconds=8.0, level=0.1, noise=1e-4):
    """Syllables with pauses: a tone at that level, on noise."""
    time = np.arange(round(seconds * 24_000)) / 24_000
    tone = np.sin(2 * np.pi * 200 * time) * level * np.sqrt(2) * (time % 0.5 < 0.3)
    return tone + np.random.default_rng(0).normal(0, noise, len(time))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (sounding(), None),
        (sounding(seconds=3), "3.0 s long"),
        (sounding(level=0.3), "will be clipped: make it 10 dB quieter"),
        (np.clip(sounding(level=0.1), -0.1, 0.1), "% of it is clipped"),
        (sounding(level=0.01, noise=1e-5), "make it 20 dB louder"),
        (sounding(noise=0.01), "heard in every pause"),
    ],
)
def test_what_will_be_heard_of_a_recording_is_said(tmp_path, caplog, samples, words):
    path = tmp_path / "me.wav"
    soundfile.write(path, samples, 24_000, subtype="PCM_16")
    quality = voices.check_recording(path)
    assert len(quality.warnings()) == len(caplog.records) == (words is not None)
    assert words is None or words in caplog.text


def test_a_room_that_echoes_is_said(tmp_path):
    dry = sounding(12, level=0.03, noise=1e-6)
    dry *= np.arange(len(dry)) % 72_000 < 48_000  # with pauses of a second
    time = np.arange(24_000) / 24_000
    room = np.random.default_rng(0).standard_normal(24_000) * 10 ** (-3 * time / 0.9)
    room[0] = 12.0
    wet = np.fft.irfft(np.fft.rfft(dry, 400_000) * np.fft.rfft(room, 400_000))[: len(dry)]
    qualities = []
    for name, sound in (("dry", dry), ("wet", wet)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, sound / np.abs(sound).max() / 3, 24_000)
        qualities.append(voices.check_recording(path))
    assert "fall silent" not in " ".join(qualities[0].warnings())
    assert 0.6 < (qualities[1].reverberation or 0) < 1.2
    assert "fall silent" in " ".join(qualities[1].warnings())


def test_a_long_recording_is_said_to_be_cut(tmp_path, caplog):
    path = tmp_path / "me.wav"
    soundfile.write(path, tone(40), 24_000)
    voices.check_recording(path)
    assert "40 s long, the first 30 s are used" in caplog.text


# --- the real pocket-tts, with the bundled model ------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """The bundled model, locked: entry, lock, runtime.yaml."""
    dest = tmp_path_factory.mktemp("models") / "bundled"
    entry = models.resolve(models.load_manifest(ROOT / "models/manifest.json"), "bundled")
    done = models.download_model(entry, dest)
    lock = models.lock_model(entry, dest)
    models.write_runtime(entry, done, dest / "runtime.yaml")
    return entry, lock, dest / "runtime.yaml"


def export_real(bundled, path, out, **options):
    entry, lock, runtime = bundled
    sidecar = voices.export_voice(recording(path), entry, lock, out, runtime=runtime, **options)
    assert voices.check_voice(out, lock, models.read_runtime(runtime)) == sidecar
    return sidecar


@pytest.fixture
def no_hub(monkeypatch):
    """Name an endpoint that nobody answers: the export must not need one."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


def test_the_real_export_makes_the_same_voice_of_the_same_sound(bundled, tmp_path, no_hub):
    digests = set()
    samples = (tone(2.0, 44_100) * 2**31).astype(np.int32)
    # WAVEX, as recorders write it for 24 bits, has a header that pocket-tts's own reader of .wav refuses.
    for name, container in (("my voice.WAV", "WAVEX"), ("my voice.flac", "FLAC")):
        path = tmp_path / name
        soundfile.write(path, samples, 44_100, subtype="PCM_24", format=container)
        out = tmp_path / name[-3:] / "mine.safetensors"
        sidecar = export_real(bundled, path, out)
        assert 20 <= sidecar["frames"] <= 40
        assert sidecar["source"] == {"sha256": sha256_file(path)}
        assert sorted(file.name for file in out.parent.iterdir()) == ["mine.json", "mine.safetensors"]
        digests.add(sidecar["sha256"])
    assert len(digests) == 1


@pytest.mark.slow
def test_the_real_export_reads_mp3(bundled, tmp_path, no_hub):
    path = tmp_path / "me.mp3"
    soundfile.write(path, tone(2.0, 44_100), 44_100)
    assert 20 <= export_real(bundled, path, tmp_path / "mine.safetensors")["frames"] <= 40


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_failing_export_says_the_last_error_and_leaves_nothing(bundled, tmp_path):
    soundfile.write(tmp_path / "me.wav", tone(), 24_000)
    failing = script(
        tmp_path / "failing",
        "echo 'Traceback (most recent call last):' >&2\n"
        "echo 'pydantic_core._pydantic_core.ValidationError: 1 validation error for Config' >&2\n"
        "echo '  Field required' >&2; touch \"$3\"; exit 1",
    )
    out = tmp_path / "out" / "mine.safetensors"
    with pytest.raises(VoiceError, match=r"failed with exit code 1 for .*me.wav: .*ValidationError: 1 validation"):
        export_real(bundled, tmp_path / "me.wav", out, executable=failing)
    assert list(out.parent.iterdir()) == []


def test_the_export_is_kept_off_the_network(bundled, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    soundfile.write(tmp_path / "me.wav", tone(), 24_000)
    telling = script(tmp_path / "telling", 'echo "Error: offline is $HF_HUB_OFFLINE" >&2; exit 1')
    with pytest.raises(VoiceError, match="offline is 1"):
        export_real(bundled, tmp_path / "me.wav", tmp_path / "v.safetensors", executable=telling)


def test_an_export_that_hangs_is_ended(bundled, tmp_path):
    soundfile.write(tmp_path / "me.wav", tone(), 24_000)
    slow = script(tmp_path / "slow", "exec sleep 30")
    with pytest.raises(VoiceError, match=r"took more than 0.2 s for .*me.wav"):
        export_real(bundled, tmp_path / "me.wav", tmp_path / "v.safetensors", executable=slow, timeout=0.2)


def test_an_export_that_writes_nothing_or_half_a_file_is_found(bundled, tmp_path):
    soundfile.write(tmp_path / "me.wav", tone(), 24_000)
    nothing = script(tmp_path / "nothing", "exit 0")
    with pytest.raises(VoiceError, match="wrote no voice"):
        export_real(bundled, tmp_path / "me.wav", tmp_path / "v.safetensors", executable=nothing)
    half = script(tmp_path / "half", 'printf "half" > "$3"')
    with pytest.raises(VoiceError, match="is damaged"):
        export_real(bundled, tmp_path / "me.wav", tmp_path / "v.safetensors", executable=half)
    assert not (tmp_path / "v.safetensors").exists()


def test_a_missing_program_is_a_sentence(bundled, tmp_path):
    soundfile.write(tmp_path / "me.wav", tone(), 24_000)
    with pytest.raises(ExecutableNotFound, match=r"program .*none does not exist; correct synth.executable"):
        export_real(bundled, tmp_path / "me.wav", tmp_path / "v.safetensors", executable=tmp_path / "none")
