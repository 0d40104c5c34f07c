"""Paired verdicts on two systems alone, by the test that tables and rankings use."""

from __future__ import annotations

from bench.gate.pairing import Pair
from bench.paired.columns import contest

BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot be told apart"
BEFORE, AFTER = "before", "after"


def paired_verdict(pair: Pair, metric: str) -> str:
    """Return whether after is better or worse than before in one metric, or cannot be told apart from it.

    This is the contest of a table with these two rows only, at 5% two-sided, whatever else is compared. A larger table
    asks for more.

    Returns:
        ``BETTER``, ``WORSE`` or ``CANNOT_TELL``; why the two are not compared; empty if neither direction is better.
    """
    sides = {BEFORE: pair.before, AFTER: pair.after}
    results = {name: measured.result for name, measured in sides.items()}
    comparison = contest(metric, results, {name: measured.samples for name, measured in sides.items()})
    if comparison is None:
        return ""
    if comparison.left_out:
        return next(iter(comparison.left_out.values()))
    before, after = comparison.row[BEFORE], comparison.row[AFTER]
    if comparison.better[after, before]:
        return BETTER
    return WORSE if comparison.better[before, after] else CANNOT_TELL
