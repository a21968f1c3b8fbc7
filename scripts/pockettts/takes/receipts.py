"""Receipts: what a synth job writes about its takes, and how a later run finds those that no longer hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pockettts import files
from pockettts.errors import AudioError, PocketTTSError
from pockettts.takes.store import Take, TakeStore


def receipt(takes: Mapping[str, Take]) -> dict[str, Any]:
    """Return the content of a receipt: a summary of each take, by key."""
    return {key: take.summary() for key, take in takes.items()}


def report_row(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a take's row in the report: its attempt, why earlier ones were rejected, and its transcript."""
    reasons = [f"attempt {n}: {', '.join(phrases)}" for n, phrases in enumerate(summary["refused"], start=1)]
    transcript = summary.get("heard")  # the oldest receipts have none
    return {"attempt": summary["attempt"], "accepted": summary["accepted"], "reasons": reasons, "heard": transcript}


def read_receipts(folder: Path, batches: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Read the receipts of all batches and return the summaries by key. Raises `AudioError` if one is missing."""
    summaries: dict[str, dict[str, Any]] = {}
    for batch in batches:
        summaries |= files.read_json(folder / f"{batch}.json", "the receipt", AudioError)
    return summaries


def drop_stale_receipts(folder: Path, batches: Mapping[str, Sequence[str]], store: TakeStore) -> list[str]:
    """Delete each receipt of which a take is missing or has changed; returns the batches concerned.

    Quick: a take whose size is right and that was not touched since its sidecar was written is not read.
    """
    stale = []
    for batch, keys in batches.items():
        path = folder / f"{batch}.json"
        try:
            content = files.read_json(path)
            good = all(store.intact(key, content[key]["sha256"], content[key]["bytes"]) for key in keys)
        except (PocketTTSError, TypeError, KeyError):
            good = not path.exists()
        if not good:
            path.unlink(missing_ok=True)
            stale.append(batch)
    return stale
