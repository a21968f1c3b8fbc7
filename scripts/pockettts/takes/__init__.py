"""Takes: what one is named by, where it is kept, when it is good enough, and how often it is tried.

    (text, recipe) -> content key -> seeds -> engine -> acceptance (by measure, by ear) -> store -> pack and receipt

The key names everything that decides the samples and nothing else, so a take in the store is never asked for twice.
"""

from pockettts.takes.acceptance import Listener, Quality, Transcript, judge, measure_take
from pockettts.takes.make import in_lanes, is_tolerated, make_take, make_takes, reasons_against
from pockettts.takes.rate import needs_rate, own_limits, speaking_rate, with_own_limits
from pockettts.takes.receipts import (
    PACK_SUFFIX,
    drop_damaged_packs,
    drop_stale_receipts,
    is_whole,
    read_receipts,
    report_row,
    write_pack,
)
from pockettts.takes.recipe import Recipe, content_key, make_recipe, seed_for
from pockettts.takes.speeds import read_speeds, record_speed
from pockettts.takes.store import RejectedAttempt, Take, TakeStore

__all__ = [
    "PACK_SUFFIX",
    "Listener",
    "Quality",
    "Recipe",
    "RejectedAttempt",
    "Take",
    "TakeStore",
    "Transcript",
    "content_key",
    "drop_damaged_packs",
    "drop_stale_receipts",
    "in_lanes",
    "is_tolerated",
    "is_whole",
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
    "record_speed",
    "report_row",
    "seed_for",
    "speaking_rate",
    "with_own_limits",
    "write_pack",
]
