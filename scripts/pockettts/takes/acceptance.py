"""When a take is good enough: what is measured in its samples, and the limits of `synth.checks`.

What a listener finds in a take (`Transcript`) and what a listener is (`Listener`) are defined here, below the ear: a
build without the check by ear needs nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pockettts.config import CheckConfig
from pockettts.values import FULL_SCALE, RATE, Int16

MEASURE = 2
"""The version of `measure_take`: measurements of an earlier one are made again before a stored take is judged."""

_END_SECONDS = 0.04
_WINDOW = RATE // 50
# Sound is at most 40 dB below the loudest window. A voice with a noisy recording has a floor above that: then sound is
# what exceeds the quietest windows by 8 dB, but never less than what is 28 dB below the loudest.
_QUIETEST_SHARE = 0.03
_FLOOR_MARGIN, _FAR_BELOW, _NEAR_BELOW = (10 ** (db / 10) for db in (8, -40, -28))


@dataclass(frozen=True, slots=True)
class Quality:
    """What the acceptance checks look at; levels in dBFS, None for digital silence. Rounded, so that JSON keeps them.

    `seconds` is from the first to the last sound, `clipped` the share of samples at full scale.
    """

    seconds: float
    level_dbfs: float | None
    clipped: float
    gap_seconds: float
    end_dbfs: float | None
    measure: int = 1


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words that the listener `by` wrote down for a take, and the share of the text's words that are wrong."""

    words: str
    error: float
    by: str


class Listener(Protocol):
    """What checks takes by ear; `name` identifies the model that listens.

    A take that it rejects is used after all if no attempt is better, unless it is `strict`.
    """

    name: str
    strict: bool

    def wants(self, key: str) -> bool:
        """Whether the take of this content key is to be checked."""

    def hear(self, samples: Int16, text: str) -> Transcript:
        """Write down what is said in a take of `text`, int16 at 24 kHz, shape (n,)."""

    def reasons(self, transcript: Transcript, text: str) -> list[str]:
        """Return why a take of `text` with this transcript is rejected, a phrase each; empty if it is accepted."""


def _dbfs(values: npt.NDArray[np.float64]) -> float | None:
    power = float(np.mean(np.square(values))) if len(values) else 0.0
    return round(10 * float(np.log10(power)), 2) if power > 0 else None


def measure_take(samples: Int16) -> Quality:
    """Measure a take of int16 samples at 24 kHz, shape (n,).

    Sound is a window of 20 ms that stands out from silence or from the voice's noise floor; a gap is a run of other
    windows between two sounds.
    """
    values = samples.astype(np.float64) / FULL_SCALE
    windows = len(values) // _WINDOW
    powers = np.square(values[: windows * _WINDOW]).reshape(windows, _WINDOW).mean(axis=1)
    loud = np.flatnonzero(powers > _threshold(powers))
    gap = int(np.diff(loud).max(initial=1)) - 1 if len(loud) else 0
    return Quality(
        seconds=round(int(loud[-1] - loud[0] + 1) * _WINDOW / RATE, 2) if len(loud) else 0.0,
        level_dbfs=_dbfs(values),
        clipped=round(float(np.mean(np.abs(samples.astype(np.int32)) >= FULL_SCALE - 1)), 6) if len(samples) else 0.0,
        gap_seconds=round(gap * _WINDOW / RATE, 3),
        end_dbfs=_dbfs(values[-int(_END_SECONDS * RATE) :]),
        measure=MEASURE,
    )


def _threshold(powers: npt.NDArray[np.float64]) -> float:
    """Return the power above which a window is sound."""
    if not len(powers):
        return 0.0
    loudest = float(powers.max())
    floor = float(np.quantile(powers, _QUIETEST_SHARE, method="lower")) * _FLOOR_MARGIN
    return min(max(floor, loudest * _FAR_BELOW), loudest * _NEAR_BELOW)


def judge(quality: Quality, text: str, checks: CheckConfig) -> list[str]:
    """Return why a take of `text` is rejected, a phrase each; empty if it is accepted."""
    spoken = sum(character.isalnum() for character in text)
    reasons = []
    if quality.seconds == 0:
        return ["it holds no sound"]
    if checks.min_chars_per_second is not None:
        longest = spoken / checks.min_chars_per_second + checks.slack_seconds
        if quality.seconds > longest:
            reasons.append(
                f"it lasts {quality.seconds:.1f} s, and {spoken} characters should take {longest:.1f} at most"
            )
    if checks.max_chars_per_second is not None:
        shortest = spoken / checks.max_chars_per_second - checks.fast_slack_seconds
        if quality.seconds < shortest:
            reasons.append(f"it lasts {quality.seconds:.1f} s, and {spoken} characters need {shortest:.1f} at least")
    if checks.min_level_dbfs is not None and (quality.level_dbfs is None or quality.level_dbfs < checks.min_level_dbfs):
        level = "digital silence" if quality.level_dbfs is None else f"{quality.level_dbfs:.1f} dBFS"
        reasons.append(f"its level is {level}, below {checks.min_level_dbfs:.1f} dBFS")
    if checks.max_clipped is not None and quality.clipped > checks.max_clipped:
        reasons.append(f"{quality.clipped:.2%} of its samples are clipped, more than {checks.max_clipped:.2%}")
    if checks.max_gap_seconds is not None and quality.gap_seconds > checks.max_gap_seconds:
        reasons.append(f"it falls silent for {quality.gap_seconds:.1f} s, longer than {checks.max_gap_seconds:.1f} s")
    if checks.min_end_drop_db is not None and quality.level_dbfs is not None and quality.end_dbfs is not None:
        highest = quality.level_dbfs - checks.min_end_drop_db
        if quality.end_dbfs > highest:
            reasons.append(
                f"it is cut off: its end is at {quality.end_dbfs:.1f} dBFS, above {highest:.1f} for its level of "
                f"{quality.level_dbfs:.1f}"
            )
    return reasons
