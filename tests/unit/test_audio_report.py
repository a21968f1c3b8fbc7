import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pockettts.audio.join import Span, Timeline
from pockettts.audio.measure import measure_book
from pockettts.audio.report import clock, level, write_report
from pockettts.audio.wav import write_wav
from pockettts.errors import AudioError
from support.audio import RATE, noise, speech

VOICE = {"id": "anna", "licence": "CC BY 4.0", "commercial": True, "attribution": "Anna Reader", "right": None}
PROVENANCE = {
    "audio": {"sha256": "ab12" * 16},
    "input": {"sha256": "cd34" * 16},
    "model": {"id": "english_2026-10", "licence": "CC-BY-4.0", "lock_digest": "ef56" * 16},
    "versions": {"pocket-tts": "4.0.1"},
}
TEXTS = ["Chapter one.", "It was a dark night; the rain fell.", "Chapter two.", "Don't go, she said."]


class Page(HTMLParser):
    """The page's words, tags and attributes."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.attributes = "", [], []
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._hidden += tag == "style"

    def handle_endtag(self, tag):
        self._hidden -= tag == "style"

    def handle_data(self, data):
        if not self._hidden:
            self.words += data + " "

    def __contains__(self, words):
        return words in " ".join(self.words.split())


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("audio") / "book.wav"
    parts = [np.zeros(12_000, np.int16), speech(16, 0.5), np.zeros(24_000, np.int16)]
    write_wav(path, np.concatenate(parts))
    return measure_book(path)


def take(text, **changes):
    return {"text": text, "attempt": 0, "reasons": [], "accepted": True} | changes


def write(folder, measurement, takes=None, **changes):
    takes = [take(text) for text in TEXTS] if takes is None else takes
    starts = [12_000 + 100_000 * number for number in range(len(takes))]
    spans = tuple(Span(f"k{n}", start, start + 90_000, n // 2) for n, start in enumerate(starts))
    arguments = {
        "title": "The Night",
        "measurement": measurement,
        "timeline": Timeline(RATE, measurement.samples, "00", spans),
        "takes": takes,
        "voice": VOICE,
        "model_notice": None,
        "provenance": PROVENANCE,
        "audio": folder / "book.wav",
        "chapters": ["Chapter one", ""],
    }
    write_report(folder / "book.report.html", **arguments | changes)
    return (folder / "book.report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plain(tmp_path_factory, recording):
    """The page of a recording without trouble."""
    return write(tmp_path_factory.mktemp("plain"), recording)


def test_levels_are_shown_with_limits_and_verdicts(plain, recording):
    page = Page(plain)
    for value in (recording.rms_db, recording.true_peak_dbtp):
        assert f"{level(value, 2)} dB" in page
    assert f"{level(recording.lufs)} LUFS" in page
    for limit in ("−23 to −18 dB", "at most −3 dB", "at most −60 dB RMS"):
        assert limit in page
    assert "−∞ dB digital silence" in page
    verdicts = [verdict.passed for verdict in recording.acx()]
    assert page.words.count("✓ pass") == sum(verdicts)
    assert page.words.count("✗ fail") == 3 - sum(verdicts)
    assert sum(verdicts) > 0


def test_failures_are_shown_as_failures(tmp_path):
    write_wav(tmp_path / "loud.wav", noise(48_000, -10))
    page = Page(write(tmp_path, measure_book(tmp_path / "loud.wav"), [take("Hiss.")]))
    assert page.words.count("✗ fail") == 3
    assert "digital silence" not in page


def test_speaking_rate_is_of_the_speech(plain):
    page = Page(plain)
    # 2 + 8 + 2 + 4 words and 78 characters in four takes of 3.75 s.
    assert sum(map(len, TEXTS)) == 78
    assert "64 words/min 5.2 characters a second" in page
    assert "0:15 of speech" in page


def test_chapters_have_times(plain):
    page = Page(plain)
    assert "1 Chapter one 0:00 0:08 10" in page
    assert "2 Chapter 2 0:09 0:08 6" in page


def test_retried_takes_are_listed_with_reasons(tmp_path, recording):
    takes = [take(text) for text in TEXTS]
    takes[1] |= {"attempt": 2, "reasons": ["silence of 4 s inside", "too fast"]}
    page = Page(write(tmp_path, recording, takes))
    assert "1 of 4 takes was accepted only after a retry." in page
    assert TEXTS[1] in page
    assert TEXTS[3] not in page
    assert "Chapter one, at 0:05; attempt 3 was accepted" in page
    assert "silence of 4 s inside" in page
    assert "too fast" in page
    assert "rejected take" not in page


def test_refused_takes_come_before_everything_else(tmp_path, recording):
    takes = [take(text) for text in TEXTS]
    takes[3] |= {"attempt": 2, "reasons": ["no end of speech"], "accepted": False}
    html = write(tmp_path, recording, takes)
    page = Page(html)
    assert "One rejected take is in this recording" in page
    assert "Chapter 2, at 0:13; attempt 3 was used no end of speech" in page
    assert html.index("no end of speech") < html.index("<audio")
    assert "None of the 4 takes needed a second attempt." in page
    takes[0] |= {"accepted": False}
    assert "2 rejected takes are in this recording" in Page(write(tmp_path, recording, takes))


def test_a_long_list_of_retries_is_cut_but_counted(tmp_path, recording):
    page = Page(write(tmp_path, recording, [take(f"Number {n}.", attempt=1) for n in range(250)]))
    assert "250 of 250 takes were accepted only after a retry." in page
    assert "Number 199." in page
    assert "Number 200." not in page
    assert "The first 200 are shown." in page


def test_voice_and_model_are_named(plain):
    page = Page(plain)
    for words in (
        "anna: Anna Reader",
        "CC BY 4.0; commercial use allowed",
        "english_2026-10",
        "4.0.1",
        *("ab12" * 16,),
    ):
        assert words in page
    assert re.search(r"Provenance, digest\s*[0-9a-f]{64}", page.words)
    assert "Not for commercial use" not in page
    assert "About the model" not in page


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("CC BY-NC 4.0", "The voice anna is under CC BY-NC 4.0."),
        ("unknown", "The voice anna is of unknown licence, which is treated as non-commercial."),
    ],
)
def test_a_voice_that_may_not_be_sold_is_prominent(tmp_path, recording, licence, words):
    html = write(tmp_path, recording, voice=VOICE | {"licence": licence, "commercial": False})
    assert words in Page(html)
    assert html.index("Not for commercial use") < html.index("<audio")


def test_the_notice_of_a_model_is_prominent(tmp_path, recording):
    html = write(tmp_path, recording, model_notice="It babbles.")
    assert html.index("It babbles.") < html.index("<audio")


def test_little_provenance_is_enough(tmp_path, recording):
    assert "Provenance, digest" in Page(write(tmp_path, recording, provenance={}))


def test_text_is_escaped(tmp_path, recording):
    evil = "<script>alert('x')</script> & \"more\""
    html = write(
        tmp_path,
        recording,
        [take(evil, attempt=1, reasons=[evil])],
        title=evil,
        model_notice=evil,
        chapters=[evil],
        voice=VOICE | {"attribution": evil, "id": evil},
    )
    page = Page(html)
    assert "script" not in page.tags
    assert page.words.count(evil) >= 6


def test_it_needs_nothing_else(plain):
    page = Page(plain)
    links = [
        value for _, name, value in page.attributes if name in {"src", "href", "xlink:href", "data", "action", "srcset"}
    ]
    assert [link for link in links if not link.startswith("#")] == ["book.wav"]
    assert not {"script", "link", "iframe", "object", "img"} & set(page.tags)
    assert "@import" not in plain
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", plain))


def test_audio_link_is_relative_and_quoted(tmp_path, recording):
    html = write(tmp_path, recording, audio=tmp_path / "a book" / "final #1.wav")
    assert 'src="a%20book/final%20%231.wav"' in html


def test_it_reads_on_a_phone_in_the_dark_and_aloud(plain, recording):
    page = Page(plain)
    assert ("meta", "name", "viewport") in page.attributes
    assert "prefers-color-scheme: dark" in plain
    assert ("html", "lang", "en") in page.attributes
    label = next(value for tag, name, value in page.attributes if (tag, name) == ("figure", "aria-label"))
    assert f"integrated loudness is {level(recording.lufs)} LUFS" in label


def test_plots_have_axes_and_follow_the_page(plain):
    page = Page(plain)
    assert page.tags.count("svg") == 2
    for words in ("Sample value", "LUFS, 3 s", "Time", "0:05"):
        assert page.words.count(words) >= 2
    assert "var(--wave)" in plain
    assert "currentColor" in plain
    assert "#01020" not in plain
    identities = [value for tag, name, value in page.attributes if name == "id" and tag == "clipPath"]
    assert len(identities) == len(set(identities))


def test_same_input_same_bytes(tmp_path, recording):
    assert write(tmp_path, recording) == write(tmp_path, recording)


@pytest.mark.parametrize("samples", [np.zeros(48_000, np.int16), np.zeros(1, np.int16), speech(0.05)])
def test_silent_and_tiny_recordings_have_a_report(tmp_path, samples):
    write_wav(tmp_path / "odd.wav", samples)
    page = Page(write(tmp_path, measure_book(tmp_path / "odd.wav"), [take("Oh.")]))
    assert "silence throughout" in page
    assert page.tags.count("svg") == 2


def test_no_speech_has_no_rate(tmp_path, recording):
    empty = Timeline(RATE, 100, "00", ())
    assert "– words/min" in Page(write(tmp_path, recording, [], timeline=empty))


def test_takes_and_timeline_must_agree(tmp_path, recording):
    with pytest.raises(AudioError, match="2 takes for 0 entries"):
        write(tmp_path, recording, [take("a"), take("b")], timeline=Timeline(RATE, 1, "00", ()))
    assert not list(Path(tmp_path).iterdir())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (245, "4:05"), (3599.5, "1:00:00"), (108_000, "30:00:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(("db", "text"), [(-20.04, "−20.0"), (3, "3.0"), (-np.inf, "−∞")])
def test_level(db, text):
    assert level(db) == text
