"""Joint sign flips of groups: how often a change is as bad if before and after are swapped in single photographs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bench.gate.bootstrap import RESAMPLES, SEED

EXACT_GROUPS = 14
"""Up to this many groups all flips are tried; with more, as many random ones as the bootstrap has resamples."""
CHUNK = 4096
"""Flips that are tried at once, so that memory does not grow with their number."""
ROUNDING = 1e-10
"""Statistics that differ by less than this part of their largest possible size are the same."""


def westfall_young(excess: np.ndarray) -> np.ndarray:
    """Compute p-values of one-sided comparisons of the same groups, adjusted for their number by joint sign flips.

    The randomization test of Fisher (1935, The Design of Experiments, §21) and Pitman (1937), of all comparisons at
    once: if nothing got worse, what group g shows in all of them is as likely to be -x as x, so a flip s_g turns the
    group's whole column. Step-down maxT (Westfall & Young 1993, Resampling-Based Multiple Testing, algorithm 4.1; why
    it holds step by step: Westfall & Troendle 2008, Biometrical Journal 50, 745): with T_j(s) = Σ_g s_g x_jg and the
    comparisons in the order of T_j(1), largest first, p_j is the share of all s in which the largest T_k(s) of j and
    those behind it is at least T_j(1), and not smaller than the p before it. A family-wise error is at most as
    likely as the level, however the comparisons depend on each other: exactly so if x is symmetric about 0 jointly, for
    any number of groups. No p is below 1/2^G, and a damage that all comparisons share reaches it in all of them, where
    a correction that only knows the p-values costs the number of comparisons as a factor.

    Rows need a common unit, any that flips do not change. It is the tolerance, so that what counts is by how many
    tolerances a system got worse: a damage that every photograph shows, one of them twenty times as much, stands out
    from the noise of the others by its size. Relative to its norm (T_j / ‖x_j‖, as in a t) it would not, and damages
    that are equally large everywhere are found by their means.

    Args:
        excess: by how much each group exceeds the threshold, ``[comparisons, groups]``, finite.

    Returns:
        Adjusted p-values ``[comparisons]``, in (0, 1]; for a single comparison that of the plain test.
    """
    observed = excess.sum(1)
    order = np.argsort(-observed, kind="stable")
    rows, observed = excess[order], observed[order]
    least = observed - ROUNDING * np.abs(rows).sum(1)
    signs = _signs(excess.shape[1])
    reached = np.zeros(len(rows), np.int64)
    for start in range(0, len(signs), CHUNK):
        totals = signs[start : start + CHUNK] @ rows.T
        largest = np.maximum.accumulate(totals[:, ::-1], axis=1)[:, ::-1]
        reached += (largest >= least).sum(0)
    exact = excess.shape[1] <= EXACT_GROUPS
    shares = reached / len(signs) if exact else (1 + reached) / (1 + len(signs))
    adjusted = np.empty(len(rows))
    adjusted[order] = np.maximum.accumulate(shares)
    return adjusted


@lru_cache(maxsize=4)
def _signs(groups: int) -> np.ndarray:
    """Rows of ±1, ``[flips, groups]``; for few groups every one there is."""
    if groups <= EXACT_GROUPS:
        bits = (np.arange(2**groups)[:, None] >> np.arange(groups)) & 1
    else:
        bits = np.random.default_rng([SEED, groups, 2]).integers(0, 2, (RESAMPLES, groups))
    signs: np.ndarray = 1.0 - 2.0 * bits
    return signs
