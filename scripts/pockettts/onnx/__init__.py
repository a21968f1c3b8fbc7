"""A model as ONNX graphs: export, quantise, describe, verify.

graphs     the modules of pocket-tts, stated again so that they can be exported
export     a loaded model -> a bundle on disk, fp32 or int8
bundle     what is in a bundle, and whether it is whole
verify     a bundle against PyTorch
"""

from __future__ import annotations

import importlib.util

from pockettts.errors import EnvironmentNotReady


def need() -> None:
    """Raise `EnvironmentNotReady` if a package that exporting needs is not installed."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise EnvironmentNotReady(f"Exporting needs the package {name}: run `pip install '.[onnx]'`.")
