"""Takes: what one is named by, where it is kept, when it is good enough, and how often it is tried.

    (text, recipe) -> content key -> seeds -> engine -> acceptance (by measure, by ear) -> store

The key names everything that decides the samples and nothing else, so a take in the store is never asked for twice.
"""

from pockettts.takes.acceptance import Listener, Quality, Transcript, judge, measure_take
from pockettts.takes.make import in_lanes, make_take, make_takes, reasons_against
from pockettts.takes.rate import needs_rate, own_limits, speaking_rate, with_own_limits
from pockettts.takes.receipts import drop_stale_receipts, read_receipts, receipt, report_row
from pockettts.takes.recipe import Recipe, content_key, make_recipe, seed_for
from pockettts.takes.speeds import read_speeds, record_speed
from pockettts.takes.store import RejectedAttempt, Take, TakeStore

__all__ = [
    "Listener",
    "Quality",
    "Recipe",
    "RejectedAttempt",
    "Take",
    "TakeStore",
    "Transcript",
    "content_key",
    "drop_stale_receipts",
    "in_lanes",
    "judge",
    "make_recipe",
    "make_take",
    "make_takes",
    "measure_take",
    "needs_rate",
    "own_limits",
    "read_receipts",
    "read_speeds",
    "reasons_against",
    "receipt",
    "record_speed",
    "report_row",
    "seed_for",
    "speaking_rate",
    "with_own_limits",
]
