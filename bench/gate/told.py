"""Whether a paired test shows a system to be better than another, as tables and rankings say."""

from __future__ import annotations

from bench.gate.pairing import Pair
from bench.paired.columns import contest

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot be told apart"
BEFORE, AFTER = "before", "after"


def told(pair: Pair, metric: str) -> str:
    """Whether after is better, worse or cannot be told from before in one metric by itself; empty where none is better.

    It is the contest of a table that has these two rows only, at 5% two-sided, whatever else is compared. A row of a
    larger table asks for more.
    """
    sides = {BEFORE: pair.before, AFTER: pair.after}
    results = {name: side.result for name, side in sides.items()}
    found = contest(metric, results, {name: side.samples for name, side in sides.items()})
    if found is None:
        return ""
    if found.left_out:
        return next(iter(found.left_out.values()))
    before, after = found.row[BEFORE], found.row[AFTER]
    if found.better[after, before]:
        return BETTER
    return WORSE if found.better[before, after] else CANNOT_TELL
