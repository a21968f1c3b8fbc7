"""How fast a voice speaks: measured once, when it is exported, so that the limits of speed can be its own.

The rate is a function of the model and the voice alone: the same takes are rejected in whatever order they are made.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pockettts.config import CheckConfig, SynthConfig
from pockettts.engines import open_engine
from pockettts.errors import EngineError
from pockettts.takes.acceptance import measure_take
from pockettts.values import language_code

log = logging.getLogger(__name__)

# About 100 letters each, and no figure or name: one piece for every model.
_CALIBRATION = {
    "en": "The road was white and dry, and nobody had walked on it since the morning. We waited under the trees until "
    "the rain came.",
    "de": "Die Straße war weiß und trocken, und niemand war seit dem Morgen darauf gegangen. Wir warteten unter den "
    "Bäumen auf den Regen.",
    "fr": "La route était blanche et sèche, et personne n'y avait marché depuis le matin. Nous avons attendu la pluie "
    "sous les arbres.",
    "es": "El camino estaba blanco y seco, y nadie había pasado por él desde la mañana. Esperamos la lluvia debajo de "
    "los árboles.",
    "it": "La strada era bianca e asciutta, e nessuno ci era passato dal mattino. Abbiamo aspettato la pioggia sotto "
    "gli alberi.",
    "pt": "A estrada estava branca e seca, e ninguém tinha passado por ela desde a manhã. Esperamos a chuva debaixo "
    "das árvores.",
    "nl": "De weg was wit en droog, en niemand had er sinds de ochtend op gelopen. Wij wachtten onder de bomen op de "
    "regen.",
}
_SEED = 1
_POSSIBLE = (5.0, 30.0)  # letters a second; real voices have 8.7 to 22.6
# Of 943 takes of one voice none was faster than 1.3 times its rate less 0.3 s, and one slower than 1.4 times less.
_FASTER, _FAST_SLACK_SECONDS = 1.3, 0.3
_SLOWER, _SLOW_SLACK_SECONDS = 1.4, 1.0


def speaking_rate(runtime: Path, voice: Path, language: str, executable: Path | None = None) -> float | None:
    """Let a voice speak a short text and return its letters and digits a second.

    `runtime` is the model's configuration for pocket-tts, `voice` the exported state, `language` a code or a name. None
    if the model did not end, or if a rate comes out that no voice has.
    """
    text = _CALIBRATION.get(language_code(language), _CALIBRATION["en"])
    settings = SynthConfig(fresh_process=True, executable=executable)
    try:
        with open_engine("cli", runtime, voice, settings) as engine:
            samples = engine.synthesize(text, _SEED)
    except EngineError as error:
        log.warning("The voice's own rate is unknown, and the general limits hold: %s", error)
        return None
    seconds = measure_take(samples).seconds
    rate = sum(character.isalnum() for character in text) / seconds if seconds else 0.0
    if engine.seeded and _POSSIBLE[0] <= rate <= _POSSIBLE[1]:
        return round(rate, 2)
    log.warning("The voice's own rate is unknown, and the general limits hold: it spoke %.1f letters a second.", rate)
    return None


def own_limits(checks: CheckConfig, rate: float | None) -> CheckConfig:
    """Narrow the limits of speed to a voice of `rate` letters a second; a limit that is off stays off."""
    if rate is None or not checks.own_rate:
        return checks
    narrowed: dict[str, float] = {}
    if checks.min_chars_per_second is not None and rate / _SLOWER > checks.min_chars_per_second:
        narrowed |= {
            "min_chars_per_second": rate / _SLOWER,
            "slack_seconds": min(checks.slack_seconds, _SLOW_SLACK_SECONDS),
        }
    if checks.max_chars_per_second is not None and rate * _FASTER < checks.max_chars_per_second:
        narrowed |= {"max_chars_per_second": rate * _FASTER, "fast_slack_seconds": _FAST_SLACK_SECONDS}
    return checks.model_copy(update=narrowed)


def with_own_limits(synth: SynthConfig, rate: float | None) -> SynthConfig:
    """Return the settings of synthesis with `own_limits`."""
    return synth.model_copy(update={"checks": own_limits(synth.checks, rate)})


def needs_rate(checks: CheckConfig) -> bool:
    """Whether a limit depends on the voice's own rate, so that it is worth measuring."""
    return checks.own_rate and (checks.min_chars_per_second is not None or checks.max_chars_per_second is not None)
