"""The settings: what they may be (`schema`), where they come from (`sources`), and config.yaml (`document`).

Everything above takes the section that it needs, and nothing else holds a default.
"""

from pockettts.config.schema import (
    AudioConfig,
    BenchConfig,
    BenchEngine,
    BookConfig,
    BookEngine,
    BookStep,
    CheckConfig,
    EpubConfig,
    FadeConfig,
    HubConfig,
    LoudnessConfig,
    NormalizeConfig,
    PauseConfig,
    QaConfig,
    Section,
    SynthConfig,
    TakeStep,
    TextConfig,
    TrimConfig,
    differences,
    parse,
    validate,
)

__all__ = [
    "AudioConfig",
    "BenchConfig",
    "BenchEngine",
    "BookConfig",
    "BookEngine",
    "BookStep",
    "CheckConfig",
    "EpubConfig",
    "FadeConfig",
    "HubConfig",
    "LoudnessConfig",
    "NormalizeConfig",
    "PauseConfig",
    "QaConfig",
    "Section",
    "SynthConfig",
    "TakeStep",
    "TextConfig",
    "TrimConfig",
    "differences",
    "parse",
    "validate",
]
