"""Packs and receipts: what a synth job hands over, and how a later run finds those that no longer hold.

A pack is one WAV file with the takes of a batch end to end: the truth, which the join reads. Its receipt beside it has
the sha256 of the pack, and the place and the summary of every take. The store is a cache that nothing depends on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pockettts import files
from pockettts.audio.wav import WavWriter, wav_sha256
from pockettts.errors import AudioError, DamagedFile, PocketTTSError
from pockettts.takes.store import Take, TakeStore

PACK_SUFFIX = ".wav"
"""A pack has the name of its receipt with this suffix."""


def write_pack(path: Path, takes: Mapping[str, Take], store: TakeStore) -> dict[str, Any]:
    """Write the takes of a batch, which are in the store, into one WAV file, and return the content of its receipt.

    Raises `DamagedFile` if a take was altered since it was put into the store, and `AudioError`.
    """
    rows: dict[str, Any] = {}
    with WavWriter(path, sum(take.samples for take in takes.values())) as writer:
        for key, take in takes.items():
            samples = store.load(take)
            if wav_sha256(samples) != take.sha256:
                raise DamagedFile(f"The take {store.path(key)} was altered while it was packed. Run again.")
            rows[key] = {**take.summary(), "start": writer.samples}
            writer.write(samples)
    return {"pack": {"sha256": files.sha256_file(path), "bytes": path.stat().st_size}, "takes": rows}


def report_row(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a take's row in the report: its attempt, why earlier ones were rejected, and its transcript."""
    reasons = [f"attempt {n}: {', '.join(phrases)}" for n, phrases in enumerate(summary["refused"], start=1)]
    return {
        "attempt": summary["attempt"],
        "accepted": summary["accepted"],
        "reasons": reasons,
        "heard": summary["heard"],
    }


def read_receipts(folder: Path, batches: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Read the receipts of batches; returns a summary by key, with its place: the path `pack`, `start`, `samples`.

    A take that several packs hold is taken from the first. Raises `AudioError` if a receipt is missing.
    """
    summaries: dict[str, dict[str, Any]] = {}
    for batch in batches:
        path = folder / f"{batch}.json"
        rows = files.read_json(path, "the receipt", AudioError)["takes"]
        for key, row in rows.items():
            summaries.setdefault(key, {**row, "pack": path.with_suffix(PACK_SUFFIX)})
    return summaries


def is_whole(receipt: Path, keys: Iterable[str]) -> bool:
    """Whether a receipt holds for these takes: it is unbroken, and the pack beside it is what it describes.

    Quick: a pack of the right size that was not touched since its receipt was written is not read.
    """
    pack = receipt.with_suffix(PACK_SUFFIX)
    try:
        content = files.read_json(receipt)
        facts = content["pack"]
        if not content["takes"].keys() >= set(keys) or pack.stat().st_size != facts["bytes"]:
            return False
        if files.untouched(pack, receipt):
            return True
        if files.sha256_file(pack) != facts["sha256"]:
            return False
    except (PocketTTSError, OSError, TypeError, KeyError, AttributeError):
        return False
    files.touch_witness(receipt)
    return True


def drop_stale_receipts(folder: Path, batches: Mapping[str, Iterable[str]]) -> list[str]:
    """Delete each receipt of which the pack is missing or has changed; returns the batches concerned."""
    stale = []
    for batch, keys in batches.items():
        receipt = folder / f"{batch}.json"
        if receipt.exists() and not is_whole(receipt, keys):
            receipt.unlink(missing_ok=True)
            stale.append(batch)
    return stale


def drop_damaged_packs(folder: Path, batches: Iterable[str]) -> list[str]:
    """Read every pack, and delete those that differ from their receipts; returns the batches concerned.

    The next build finds them missing, and makes them again.
    """
    damaged = []
    for batch in batches:
        receipt = folder / f"{batch}.json"
        facts = files.read_json(receipt, "the receipt", AudioError)["pack"]
        try:
            files.require_sha256(receipt.with_suffix(PACK_SUFFIX), facts["sha256"], "The pack")
        except DamagedFile:
            damaged.append(batch)
    return damaged
