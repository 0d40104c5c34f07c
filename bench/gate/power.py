"""The amount of data it would take to detect a difference that is there but not beyond chance."""

from __future__ import annotations

import math
from statistics import NormalDist

POWER = 0.8
"""Chance with which the difference would be found."""
MOST = 1_000_000
"""More groups than anybody has."""


def groups_needed(excess: float, stderr: float, groups: int, level: float) -> int | None:
    """Compute the groups with which a one-sided t-test detects a difference of the observed size 4 times out of 5.

    The spread of the paired differences between groups is σ = stderr·√groups. Guenther's formula (1981, Sample Size
    Formulas for Normal Theory T Tests, The American Statistician 35, 243-244):
    n = (z_{1-α} + z_{power})²·(σ/δ)² + z_{1-α}²/2, at most a group off the exact value of the noncentral t for usual
    levels. It assumes that the true difference is as large as the observed one, which is itself uncertain.

    Args:
        excess: δ, by how much the worsening exceeds the tolerance; positive.
        stderr: its standard error from ``groups`` groups.
        groups: number of groups observed.
        level: α of this comparison, its share of the report's level.

    Returns:
        A number above ``groups``; None if it is more than ``MOST`` or cannot be computed.

    Example:
        >>> groups_needed(0.5, 0.5, 4, 0.05)  # σ = 2δ
        27
    """
    if excess <= 0 or stderr <= 0 or groups < 2:
        return None
    critical, power = (NormalDist().inv_cdf(share) for share in (1 - level, POWER))
    ratio = stderr * math.sqrt(groups) / excess
    needed = (critical + power) ** 2 * ratio**2 + critical**2 / 2
    return None if needed > MOST else max(groups + 1, math.ceil(needed))
