"""Integer products, on this machine and with kernels that add in 16 bits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pockettts.bundle import INT8_WEIGHT_LIMIT
from pockettts.engines.onnx import integers
from support import ROOT


def test_integer_sums_are_exact_here() -> None:
    assert integers.wrong_sums() == 0


def test_sums_that_16_bits_clip_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel of x86 without VNNI, stated in numpy: pairs of products are clipped, then summed."""

    def in_pairs(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        odd = rows.shape[1] % 2
        rows, weights = np.pad(rows, ((0, 0), (0, odd))).astype(int), np.pad(weights, ((0, odd), (0, 0))).astype(int)
        products = rows[:, :, None] * weights[None]
        pairs = np.clip(products[:, ::2] + products[:, 1::2], -32_768, 32_767)
        return pairs.sum(axis=1)

    monkeypatch.setattr(integers, "multiply_integers", in_pairs)
    assert integers.wrong_sums() == 0
    monkeypatch.setattr(integers, "INT8_WEIGHT_LIMIT", 127)
    assert integers.wrong_sums() > 0


WRONG_SUMS = """
import sys
from pockettts.bundle import INT8_WEIGHT_LIMIT
from pockettts.engines.onnx import integers
integers.INT8_WEIGHT_LIMIT = int(sys.argv[1])
print(integers.wrong_sums())
"""


@pytest.fixture(scope="module")
def without_vnni(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which programs see a processor of the AVX2 generation."""
    flags, compiler = Path("/proc/cpuinfo"), shutil.which("cc")
    if not compiler or not flags.exists() or "cpuid_fault" not in flags.read_text():
        pytest.skip("needs a C compiler and a processor that can hide its features")
    library = tmp_path_factory.mktemp("mask") / "avx2_only.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, ROOT / "tests/avx2_only.c"], check=True)
    return os.environ | {"LD_PRELOAD": str(library)}


@pytest.mark.parametrize(("largest", "right"), [(INT8_WEIGHT_LIMIT, True), (127, False)])
def test_real_kernels_without_vnni(without_vnni: dict[str, str], largest: int, right: bool) -> None:
    command = [sys.executable, "-c", WRONG_SUMS, str(largest)]
    result = subprocess.run(command, env=without_vnni, capture_output=True, text=True, check=False)
    if "cannot make CPUID fault" in result.stderr:
        pytest.skip(result.stderr)
    assert result.returncode == 0, result.stderr
    assert (int(result.stdout) == 0) == right
