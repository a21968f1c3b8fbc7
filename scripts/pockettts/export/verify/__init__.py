"""Compares a bundle with PyTorch: every graph must be valid and compute what the model computes.

report       the result: checks with figures and limits
reference    the model, in PyTorch
candidate    the bundle, in ONNX Runtime
checks       the same inputs for both, and the largest allowed difference of the outputs
"""

from pockettts.export.verify.candidate import Candidate, GraphSession, open_sessions
from pockettts.export.verify.checks import (
    OutputComparison,
    attempt,
    check_graphs,
    largest_pair_sum,
    verify,
    verify_onnx,
)
from pockettts.export.verify.reference import Reference
from pockettts.export.verify.report import Check, Report

__all__ = [
    "Candidate",
    "Check",
    "GraphSession",
    "OutputComparison",
    "Reference",
    "Report",
    "attempt",
    "check_graphs",
    "largest_pair_sum",
    "open_sessions",
    "verify",
    "verify_onnx",
]
