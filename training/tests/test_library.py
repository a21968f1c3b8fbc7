"""The library that trains the bundled model, held against the model that it made."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
import yaml
from pocket_tts import TTSModel
from pocket_tts.modules import rope
from pocket_tts.modules.stateful_module import init_states

from bundled import card, phones
from bundled.analysis import PARTS, describe, part_lengths, stretch
from bundled.architecture import Pointer, Sizes, build_model, configuration, fast_rope
from bundled.decoder import emphasis
from bundled.evaluate import ScoredRecording, figures, one_core, runtime, side_by_side, unread
from bundled.latents import Space
from bundled.lm import Batch, Course, Speaker, corrupt, fewer_layers
from bundled.rhythm import EXAMPLES, Rhythm
from bundled.vocoder import Vocoder

MODEL = Path(__file__).parents[2] / "models/bundled"


def test_the_card_has_the_figures_of_the_evaluation() -> None:
    text = (MODEL / "MODEL_CARD.md").read_text()
    assert card.with_figures(text, card.figures(MODEL)) == text
    with pytest.raises(ValueError, match="one pair of marks"):
        card.with_figures("No marks.", card.figures(MODEL))


# --- its tokenizer ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer() -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(MODEL / "tokenizer.model"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The chair.", "ᶞᵊ ᶜᴱʳ."),
        ("Don't!", "ᵈᴼⁿᵗ!"),
        ("A chair; a sunflower", "ᵊ ᶜᴱʳ, ᵊ ˢᶺⁿᶠˡᴻᶟ"),
        ("Ûzz, žzz.", "ᵊᶻ, ᶻᶻ."),
        ("Well-known: 7", "ʷᴱˡ ⁿᴼⁿ, ˢᴱᵛᵊⁿ"),
    ],
)
def test_spelling_becomes_phones(tokenizer: sentencepiece.SentencePieceProcessor, text: str, said: str) -> None:
    assert phones.spoken(tokenizer, text) == said


def test_a_mark_is_a_token_of_its_own(tokenizer: sentencepiece.SentencePieceProcessor) -> None:
    pieces = [tokenizer.id_to_piece(i) for i in range(tokenizer.vocab_size())]
    assert not [piece for piece in pieces if len(piece) > 1 and set(piece) & set(phones.PAUSES)]
    config = yaml.safe_load((MODEL / "config.yaml").read_text())
    assert config["flow_lm"]["lookup_table"]["n_bins"] == len(pieces)


# --- its decoder -----------------------------------------------------------------------------------------------------


def test_its_decoder_is_the_vocoder(tmp_path: Path) -> None:
    """What the formula in the weights makes of latents is what the vocoder makes of their description."""
    vocoder, space = Vocoder(), Space.load(MODEL / "space.npz")
    model = TTSModel.load_model(config=runtime(MODEL, tmp_path))
    random = np.random.default_rng(0)
    steps = random.normal(0, 0.8, (20, space.dimension - 9)).astype(np.float32)
    pitch = np.repeat(random.integers(0, vocoder.pitches, 4), 5)
    latents = space.encode(np.zeros((20, vocoder.steps, vocoder.bands + 1)), pitch)
    latents[:, 9:] = steps
    louder = dataclasses.replace(space, spread=space.spread * emphasis(len(space.spread)))
    expected = vocoder.synthesize(*louder.decode(latents))
    raw = torch.zeros(1, 20, model.flow_lm.ldim)
    raw[0, :, : space.dimension] = torch.from_numpy(latents * space.std + space.mean)
    with torch.no_grad():
        made = model.mimi.decode_from_latent(raw, init_states(model.mimi, 1, 400))[0, 0].numpy()
    assert np.abs(expected).max() > 0.1
    assert np.corrcoef(made, expected)[0, 1] > 0.97


def test_latents_are_moved_from_one_space_to_another() -> None:
    space = Space.load(MODEL / "space.npz")
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(len(space.spread),) * 2))[0].astype(np.float32)
    other = dataclasses.replace(space, components=turned @ space.components, centre=space.centre + 0.1)
    fewer = dataclasses.replace(space, components=space.components[:30], spread=space.spread[:30])
    description = np.random.default_rng(1).normal(-2, 1, (5, 16, 41))
    here = space.encode(description, np.arange(5)) * space.std + space.mean
    for new in (other, fewer):
        there = new.encode(description, np.arange(5)) * new.std + new.mean
        assert np.allclose(here @ space.change(new), there, atol=1e-3)


def test_a_model_of_fewer_layers_begins_without_those_before_the_last() -> None:
    weights = {f"transformer.layers.{n}.norm1.weight": torch.full((2,), n) for n in range(6)} | {
        "bos_emb": torch.ones(1)
    }
    fewer = fewer_layers(weights, 4)
    assert [int(fewer[f"transformer.layers.{n}.norm1.weight"][0]) for n in range(4)] == [0, 1, 2, 5]
    assert len(fewer) == 5
    assert fewer_layers(weights, 6) == weights


SMOKE = Sizes.named("smoke")


def toy(tokenizer: sentencepiece.SentencePieceProcessor) -> TTSModel:
    """A model of the sizes that tests train."""
    return build_model(configuration(SMOKE, tokenizer.vocab_size(), str(MODEL / "tokenizer.model"), None, Vocoder()))


def test_a_model_that_is_built_leaves_upstream_as_it_was(tokenizer: sentencepiece.SentencePieceProcessor) -> None:
    """What training turns by is faster and differs in its last bits; exporting and evaluating must not use it."""
    upstreams = rope.apply_rope
    toy(tokenizer)
    assert rope.apply_rope is upstreams
    q, k = torch.randn(2, 1, 5, 2, 8)
    for ours, theirs in zip(fast_rope(q, k, 3), upstreams(q, k, 3), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_language_model_is_trained_where_it_is(
    tokenizer: sentencepiece.SentencePieceProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a step is made on the processor when the model is elsewhere; "meta" stands for a GPU."""
    codes = Pointer.of(tokenizer.vocab_size(), SMOKE.pointer).tokens[0]
    monkeypatch.setattr(rope, "apply_rope", fast_rope)  # as a training has it
    speaker = Speaker(toy(tokenizer).flow_lm, phones.pieces(tokenizer), codes).to("meta")
    latents, prompts = (torch.zeros(2, frames, SMOKE.latent + SMOKE.pointer) for frames in (20, 5))
    numbers, lengths = torch.zeros(2, 20, dtype=torch.int64), torch.tensor([17, 10])
    named = torch.zeros(2, 20, PARTS, dtype=torch.int64)
    batch = Batch(numbers, lengths, latents, lengths, prompts, numbers, named).to(torch.device("meta"))
    with torch.device("meta"):
        samples = speaker.sample(speaker.hidden(batch, corrupt(batch.latents, 0.4, 0.1)), 2)
    assert samples.is_meta
    assert samples.shape == (2, 2, 20, SMOKE.latent + SMOKE.pointer)


# --- the rules of its training ------------------------------------------------------------------------------------


def test_a_dictionary_keeps_first_pronunciations_and_weak_words() -> None:
    known = phones.read_dictionary(["read R IY1 D", "read(2) R EH1 D", "the DH AH1", "'tis T IH1 Z", "b2b B IY1"])
    assert known["read"] == "ʳᴶᵈ"
    assert known["the"] == "ᶞᵊ"
    assert "b2b" not in known


def test_the_teacher_is_told_which_symbol_is_part_of_which_phone() -> None:
    assert phones.teacher_symbols("ᶞᵊ ᶜᴱʳ.") == [
        ("ð", 0), ("ə", 1), (" ", 1), ("t", 2), ("ʃ", 2), ("ˈ", 3), ("ɛ", 3), ("ɹ", 4), (".", 5),
    ]  # fmt: skip


def test_phones_fill_whole_parts_and_an_utterance_whole_frames() -> None:
    samples = np.array([5000.0, 400, 3000, 9000, 4000])
    lengths = part_lengths("^ᵗᴱᵗ.", samples, 960)
    assert lengths.tolist() == [2, 1, 3, 6, 4]
    at = stretch(200, np.cumsum(samples) / 120, lengths, 8)
    assert len(at) == 8 * lengths.sum()
    assert (np.diff(at) > 0).all()
    # Of the silence before all, its last frame.
    assert at[0] >= 5000 / 120 - 16 - 0.5
    assert part_lengths("^ᵗᴱᵗ.", samples + 960, 960).tolist() == [2, 1, 4, 6, 5]


class Listener(Vocoder):
    """Keeps the voicing that it got, and finds the same pitch wherever there may be one."""

    def analyze(self, audio, voiced):
        self.__dict__["voiced"] = voiced
        return np.zeros((len(voiced), self.bands)), np.where(voiced, 90.0, 0.0)


def test_phones_say_where_there_is_a_pitch() -> None:
    vocoder, samples = Listener(), np.array([2400, 960, 2880, 960, 2400])
    row = {"phones": "ᵗᴱᵗ.", "ends": np.cumsum(samples).tolist()}
    described, classes, lengths = describe(np.zeros(samples.sum()), row, vocoder, Rhythm({}))
    assert vars(vocoder)["voiced"].tolist() == np.repeat([False, False, True, False, False], samples // 120).tolist()
    steps = vocoder.steps // PARTS
    assert lengths.tolist() == [2, 1, 3, 1, 5]
    edges = np.cumsum(lengths) * steps
    assert (described[: edges[1] - 1, -1] == 0).all()
    assert (described[edges[1] + 1 : edges[2] - 1, -1] == 1).all()
    assert (described[edges[2] + 1 :, -1] == 0).all()
    pitch = (vocoder.slowest + classes) * vocoder.sample_rate / vocoder.frame
    assert (abs(pitch - vocoder.pitch_target) <= 12.5).all()


def test_phones_are_as_long_as_usual_among_their_neighbors() -> None:
    common = {"phones": "ᶞᵊ ᵗᴱᵗ.", "ends": [500, 1500, 2500, 3500, 5500, 6500, 9000]}
    rhythm = Rhythm.of([common] * EXAMPLES)
    hurried = {"phones": "ᶞᵊ ᵗᴱᵗ.", "ends": [100, 200, 300, 400, 500, 600, 700]}
    assert rhythm.lengths(hurried).tolist() == [100, 1000, 1000, 1000, 2000, 1000, 2500]
    # Before another phone, what is usual of the phone itself; what was never read keeps its length.
    assert rhythm.lengths({"phones": "ᴱᶻ", "ends": [100, 200, 300]}).tolist() == [100, 2000, 100]


def test_too_few_examples_are_not_usual() -> None:
    common = {"phones": "ᴱᵗ", "ends": [0, 1000, 2000]}
    rare = {"phones": "ᴱᶻ", "ends": [0, 5000, 6000]}
    assert Rhythm.of([common] * EXAMPLES + [rare]).lengths(rare).tolist() == [0, 1000, 1000]


def test_the_course_of_an_utterance() -> None:
    course = Course.of(["ᶞᵊ", "", "ᶜ", "."], np.array([2, 1, 3, 1, 3]))
    assert course.token.tolist() == [0, 0, 0, 2, 3]
    assert [[phones.INVENTORY[n] for n in frame] for frame in course.phone] == [
        ["^", "^"], ["ᶞ", "ᵊ"], ["ᵊ", "ᵊ"], ["ᶜ", "."], [".", "."],
    ]  # fmt: skip
    assert course.last_token.tolist() == [0, 0, 0, 3, 3]
    assert course.place.tolist() == [-1, 1, 1, 0, 0]
    assert course.done.tolist() == [1, 0, 2, 0, 2]
    assert course.left.tolist() == [0, 2, 0, 2, 0]
    with pytest.raises(ValueError, match="4 lengths for 5 phones"):
        Course.of(["ᶞᵊ", "ᶜ", "."], np.array([1, 1, 1, 1]))


def test_what_is_listened_to_was_never_read(tmp_path: Path) -> None:
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("".join(f"Sentence {n}.\n" for n in range(10)))
    assert unread(sentences, 3, read=7) == ["Sentence 7.", "Sentence 8.", "Sentence 9."]
    with pytest.raises(SystemExit, match="10 sentences, and training used 8 of them: fewer than 3"):
        unread(sentences, 3, read=8)


def in_capitals(texts: list[str]) -> list[ScoredRecording]:
    """Transcribes everything in capitals."""
    return [ScoredRecording(text, text.upper(), 2.0, None, ended=True) for text in texts]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_several_listeners_keep_the_order(processes: int) -> None:
    texts = [f"sentence {n}" for n in range(5)]
    assert [one.text for one in side_by_side(in_capitals, texts, processes)] == texts


def test_figures_are_those_of_all_recordings_together() -> None:
    recordings = [
        ScoredRecording("One two three four.", "one two three", 1.0, 2.0, ended=True),
        ScoredRecording("Five!", "five", 0.5, 3.0, ended=True),
    ]
    assert figures(recordings) == {"word_error_rate": 0.2, "characters_a_second": 16.0, "dnsmos": 2.5}
    assert figures([dataclasses.replace(one, dnsmos=None) for one in recordings])["dnsmos"] is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores one has")
def test_what_is_measured_on_one_core_has_one() -> None:
    before = os.sched_getaffinity(0)
    with one_core(), ThreadPoolExecutor(1) as another:
        assert len(another.submit(os.sched_getaffinity, 0).result()) == 1
    assert os.sched_getaffinity(0) == before
