"""Sets the decoder to the vocoder's formula, between `latents` and `export`; it is not trained.

A coefficient of the sound is the level at its frequency times an entry of a table (`Vocoder.pulses`, `Vocoder.noise`),
selected by the pitch and the place in the frame. ELU, the activation of upstream's decoder, is exponential below zero.
So logarithms are added before it, those of positive and of negative numbers in separate channels:

1. The quantizer and the transposed convolution after it turn a frame's latents into features, 16 times: the levels,
   the voicing, the place in the frame and the pitch. The transformer is switched off.
2. The first layer turns them into units, each a ramp or a step (`_Units`): at a place, from one pitch to the next.
3. The second layer adds those up to logarithms; ELU turns them into numbers.
4. The third takes their differences, which are the coefficients; the fourth only passes them on.
5. The last two layers are the inverse MDCT.

Except for `GAIN` and `emphasis`, the result is exact within the width of the steps, the approximation by `TERMS` and
the limits of logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from bundled.common import Array
from bundled.latents import Space
from bundled.vocoder import Vocoder

FEATURES = 64  # channels: the bands' levels, voicing, the place in the frame, pitch, and some that are zero
TERMS = 8  # products of a course in the frame and a mix of latents that make up a feature
QUIETEST = -9.0  # below any level (log10)
SHIFT = 3.0  # added logarithms are this much lower, so that the loudest stays below zero
SMALL = 1 / 32  # coefficients pass through ELU where it is a straight line
BIAS = 2.0  # and so do samples
FAR = 130.0  # every place except the current one is this far below every step
STEEP = 16.0  # of a step from one pitch to the next
GAIN = 0.55  # of the sound, or its loudest vowels would clip
LEAST = np.exp(-5.0)  # the smallest number in a table
KNOTS = (-0.05, 0.0, 0.04, 0.12, 0.3, 0.5, 0.7, 0.88, 0.96, 1.0, 1.05)  # of what follows from the voicing


def set_decoder(mimi: Any, space: Space, vocoder: Vocoder) -> None:
    """Set every weight of upstream's decoder. `mimi` must have the configuration of `architecture`."""
    with torch.no_grad():
        for part in (mimi.quantizer, mimi.upsample, mimi.decoder_transformer, mimi.decoder):
            for parameter in part.parameters():
                parameter.zero_()
        _set_features(mimi, space, vocoder)
        _set_layers(mimi, vocoder)


def _set_features(mimi: Any, space: Space, vocoder: Vocoder) -> None:
    """From latents to features: each a sum of products of a course over the frame's steps and a mix of latents."""
    mixes = mimi.quantizer.output_proj.weight[..., 0]  # [FEATURES * TERMS, latent]
    courses = mimi.upsample.convtr.convtr.weight[:, 0]  # [FEATURES * TERMS, 2 steps]
    steps, pitches, bands = vocoder.steps, vocoder.pitches, vocoder.bands
    components = slice(1 + pitches, space.dimension)
    size = space.std[components]
    patterns = space.components * (emphasis(len(size)) * space.spread / size)[:, None]
    # The clock, which is always one, stands for the mean.
    table = np.concatenate([space.centre[None], patterns]).reshape(-1, steps, bands + 1) / space.weights
    weight = np.concatenate([[1.0], size])
    for feature in range(bands + 1):
        course, singular, mix = np.linalg.svd((table[:, :, feature] * weight[:, None]).T, full_matrices=False)
        for term in range(TERMS):
            row = feature * TERMS + term
            courses[row, :steps] = torch.from_numpy(course[:, term] * singular[term]).float()
            part = torch.from_numpy(mix[term] / weight).float()
            mixes[row, 0], mixes[row, components] = part[0], part[1:]
    for place in range(steps):
        row = (bands + 1 + place) * TERMS
        mixes[row, 0] = courses[row, place] = 1
    row = (bands + 1 + steps) * TERMS
    courses[row, :steps] = 1
    mixes[row, 1 : 1 + pitches] = torch.arange(pitches) - (pitches - 1) / 2


def emphasis(components: int) -> Array:
    """[components] The factor by which the decoder amplifies each component.

    The output of the language model varies less than the teacher's, most of all in the smaller components. The factors
    are about the ratio, measured on 300 sentences. Speech that varies too little is harder to understand.
    """
    return np.interp(np.arange(components), [0, 10, 20, 50], [1.0, 1.08, 1.15, 1.5])


@dataclass
class _Units:
    """The units of the first layer, and their parts of the logarithms, which are the columns of the second."""

    count: int  # of the logarithms
    inward: list[tuple[dict[int, float], float]] = field(default_factory=list)
    outward: list[Array] = field(default_factory=list)
    offset: Array = field(init=False)

    def __post_init__(self) -> None:
        self.offset = np.zeros(self.count)

    def add(self, features: dict[int, float], bias: float, outward: Array) -> None:
        """A unit ELU(features + bias), which adds itself times `outward`."""
        self.inward.append((features, bias))
        self.outward.append(np.asarray(outward))

    def ramp(self, feature: int, lowest: float, outward: Array) -> None:
        """Adds a feature that is never below `lowest`, times `outward`."""
        self.add({feature: 1.0}, -lowest, outward)
        self.offset += lowest * np.asarray(outward)

    def curve(self, feature: int, knots: Array, gain: float, at: Array, target: Array, outward: Array) -> None:
        """Add a function of a feature, by least squares over ELUs at knots: `target` [n, m] at the values `at` [n].

        `outward` [m, count] are the parts of its m values in the logarithms.
        """
        basis = np.concatenate([elu(gain * (at[:, None] - knots)), np.ones((len(at), 1))], 1)
        solved = np.linalg.lstsq(basis, target, rcond=1e-6)[0] @ outward
        for knot, row in zip(knots, solved[:-1], strict=True):
            self.add({feature: gain}, -gain * knot, row)
        self.offset += solved[-1]


def elu(x: Array) -> Array:
    """The activation of upstream's decoder."""
    return np.asarray(np.where(x > 0, x, np.expm1(np.minimum(x, 0))))


def _logarithms(table: Array) -> Array:
    """[..., coefficients] to [..., 2 coefficients]: the logarithms of positive numbers, then of negative ones."""
    return np.asarray(np.log(np.clip(np.concatenate([table, -table], -1), LEAST, None)))


def _units(vocoder: Vocoder) -> _Units:
    """The logarithms are those of pulses, positive and negative, and of noise, positive and negative."""
    bands, steps, pitches, count = vocoder.bands, vocoder.steps, vocoder.pitches, vocoder.coefficients
    voicing, first_place, pitch = bands, bands + 1, bands + 1 + steps
    units = _Units(4 * count)
    units.offset -= SHIFT
    spread = np.tile(0.5 * np.log(10) * vocoder.spread, 4)
    level = np.linspace(np.log10(vocoder.floor) - 0.3, 0, 200)
    # Below the floor is near silence, because the logarithm of silence is infinite.
    lower = np.log10(np.clip(10**level - vocoder.floor, vocoder.floor * 0.03, None)) - level
    for band in range(bands):
        units.ramp(band, QUIETEST, spread[band])
        units.curve(band, np.array([-4.9, -4.5]), 5.0, level, lower[:, None], spread[band][None])
    voiced = np.linspace(-0.3, 1.3, 161)
    share = np.clip(voiced, 0, 1)[:, None] * vocoder.voiced_share
    parts = [0.5 * np.log(np.clip(part, LEAST**2, None)) for part in (share, 1 - share)]
    target = np.concatenate([parts[0], parts[0], parts[1], parts[1]], 1)
    units.curve(voicing, np.array(KNOTS), 20.0, voiced, target, np.eye(4 * count))
    pulses, noise = _logarithms(vocoder.pulses), _logarithms(vocoder.noise)
    for place in range(steps):
        now = first_place + place
        units.ramp(now, -1.0, np.concatenate([pulses[0, place], noise[place]]))
        for higher in range(1, pitches):
            change = np.concatenate([pulses[higher, place] - pulses[higher - 1, place], np.zeros(2 * count)])
            middle = higher - pitches / 2
            for end in (0.5, -0.5):  # a step is a ramp less one that begins later
                bias = -STEEP * middle - FAR + end
                units.add({pitch: STEEP, now: FAR}, bias, change if end > 0 else -change)
    return units


def _set_layers(mimi: Any, vocoder: Vocoder) -> None:
    """From features to samples."""
    first, second, third, fourth, last_but_one, last = list(mimi.decoder.model)[::2]
    units, count = _units(vocoder), vocoder.coefficients
    for row, (features, bias) in enumerate(units.inward):
        for feature, weight in features.items():
            first.conv.weight[row, feature, 0] = weight
        first.conv.bias[row] = bias
    second.convtr.weight[: len(units.outward), :, 0] = torch.from_numpy(np.stack(units.outward)).float()
    second.convtr.bias.copy_(torch.from_numpy(units.offset))
    for part, sign in enumerate((1, -1, 1, -1)):
        for k in range(count):
            third.convtr.weight[part * count + k, k, 0] = sign * SMALL
    for k in range(count):
        fourth.convtr.weight[k, k, 0] = 1
        wave = torch.from_numpy(vocoder.basis[k]) * float(np.exp(SHIFT)) / SMALL * GAIN
        last_but_one.convtr.weight[k, k % (count // 2)] = wave
    # The bias keeps samples positive, where ELU is linear; the last convolution subtracts it.
    last_but_one.convtr.bias.fill_(BIAS)
    last.conv.weight.fill_(1)
    last.conv.bias.fill_(-BIAS * (count // 2))
