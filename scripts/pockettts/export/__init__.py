"""Makes ONNX graphs of a model: export, quantize, verify; `pockettts.bundle` owns the files on disk.

graphs     the modules of pocket-tts, restated in a form that can be exported
export     a loaded model -> a bundle on disk, fp32 or int8
verify     a bundle against PyTorch
"""

from __future__ import annotations

import importlib.util

from pockettts.errors import EnvironmentNotReady


def require_export_packages() -> None:
    """Raise `EnvironmentNotReady` if a package that exporting needs is not installed."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise EnvironmentNotReady(f"Exporting needs the package {name}: run `pip install '.[onnx]'`.")
