"""The result of comparing a bundle with PyTorch: checks with figures and limits, as JSON and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pockettts.errors import BundleError


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: its figures, the limit of the relative RMS, and whether it passed. `note` explains a failure."""

    name: str
    passed: bool
    max_abs: float | None = None
    relative_rms: float | None = None
    limit: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of a bundle."""

    precision: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def require(self, folder: Path) -> None:
        """Raise `BundleError` if a check of the bundle in `folder` failed."""
        failed = [check for check in self.checks if not check.passed]
        if failed:
            more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
            raise BundleError(
                f"The exported model in {folder} does not match PyTorch: check {failed[0].name!r}{more} failed."
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the report as JSON."""
        checks = [asdict(check) for check in self.checks]
        return {"precision": self.precision, "passed": self.passed, "checks": checks}

    def table(self) -> str:
        """Return the report as a text table."""
        lines = [f"{'check':<52} {'max abs':>9} {'rel RMS':>9} {'limit':>9}"]
        for check in self.checks:
            figures = (check.max_abs, check.relative_rms, check.limit)
            cells = " ".join(f"{'' if figure is None else format(figure, '.1e'):>9}" for figure in figures)
            lines.append(f"{check.name:<52} {cells}  {'ok' if check.passed else 'FAILED'} {check.note}".rstrip())
        return "\n".join(lines) + "\n"
