"""Integer products, on this machine and with kernels that add in 16 bits."""

import numpy as np
import pytest

from pockettts.engines.onnx import integers


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
