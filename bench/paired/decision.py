"""When a difference is beyond chance: Student's t of a difference and its error, the same for every comparison."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

LEVEL = 0.05
SAME = 1e-5
"""Values nearer than this part of themselves are the same: float32 arithmetic on another number of threads."""


def chance(excess: float, stderr: float | None, degrees: int) -> float:
    """Return the one-sided p-value of "no excess", by t = excess / stderr; 0 or 1 where there is no error."""
    from scipy.stats import t  # scipy.stats takes half a second to import

    return float(t.sf(excess / stderr, degrees)) if stderr else float(excess <= 0)


@lru_cache(maxsize=4096)
def quantile(degrees: int, level: float = LEVEL) -> float:
    """Return how many standard errors a difference is from 0 at a two-sided p-value of ``level``, by Student's t."""
    from scipy.special import stdtrit  # much faster to import than scipy.stats

    return float(-stdtrit(degrees, level / 2))


def beyond_chance(
    differences: np.ndarray, stderrs: np.ndarray, degrees: np.ndarray, sizes: np.ndarray, comparisons: int = 1
) -> np.ndarray:
    """Find the differences that are positive, more than rounding, and beyond chance, two-sided at ``LEVEL``.

    Args:
        differences: differences of values, of any shape; the other arrays have the same.
        stderrs: standard errors of the differences; NaN where unknown, which decides nothing.
        degrees: degrees of freedom of the errors, whole numbers; one for all if it has no dimension.
        sizes: magnitudes of the values that the differences are between.
        comparisons: number of comparisons that share the level (Bonferroni).

    Returns:
        bool, in the shape of ``differences``.
    """
    factors = np.zeros(int(degrees.max()) + 1)
    for count in np.flatnonzero(np.bincount(degrees.ravel())):
        factors[count] = quantile(int(count), LEVEL / comparisons)
    beyond: np.ndarray = (differences > SAME * sizes) & (differences > factors[degrees] * stderrs)
    return beyond
