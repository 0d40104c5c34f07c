"""Differences of speed and memory, compared with the noise between repeated runs where it is known.

The error of a speed within one run says how steady that run was. Another run of the same code, under different load or
with a different memory layout, differs by more. That noise shows only between runs, so it takes at least two of them on
one side: several run directories for ``bench check``, or a baseline made from several.
"""

from __future__ import annotations

import math

import numpy as np

from bench.contracts.stats import interval_around
from bench.gate.devices import unknown
from bench.gate.differences import SAME, Difference
from bench.gate.pairing import Pair

ALONE = (
    "one run on each side, so the noise between runs is unknown; measure again into other folders and pass all of "
    "them: bench check RUN RUN2 ..., or bench baseline update RUN RUN2 ..."
)
NOT_ASKED = "--cost judges them, on one device and with repeated runs"


def cost_difference(pair: Pair, metric: str) -> Difference:
    """Compute the difference between the mean over runs after and before, with its error from the noise between runs.

    The noise is assumed to be the same before and after: with k and m runs, SE² = s²·(1/k + 1/m), s² pooled over both
    sides with k + m - 2 degrees of freedom (Student's two-sample t). Without repeats there is no interval.
    """
    before, after = (np.array(side.repeated(metric)) for side in (pair.before, pair.after))
    value = float(after.mean() - before.mean())
    runs, degrees = len(before) + len(after), len(before) + len(after) - 2
    moved = not math.isclose(before.mean(), after.mean(), rel_tol=SAME, abs_tol=1e-12)
    if degrees < 1:
        return Difference(value, None, runs, "one run on each side", moved)
    squares = sum(float(((side - side.mean()) ** 2).sum()) for side in (before, after))
    stderr = math.sqrt(squares / degrees * (1 / len(before) + 1 / len(after)))

    def exceeds(threshold: float, sign: int) -> float:
        from scipy.stats import t  # scipy.stats takes half a second to import

        excess = sign * value - threshold
        return float(t.sf(excess / stderr, degrees)) if stderr else float(excess <= 0)

    return Difference(
        value,
        interval_around(value, stderr, degrees),
        runs,
        f"noise between {len(before)} runs before and {len(after)} after, t",
        moved,
        exceeds=exceeds,
        stderr=stderr or None,
    )


def unjudged(pair: Pair, difference: Difference, asked: bool) -> str:
    """Return why speed and memory of a pair are shown without a verdict; empty if they can be judged."""
    if not asked:
        return NOT_ASKED
    return unknown(pair.before.result, pair.after.result) or ("" if difference.exceeds else ALONE)
