"""The sign-flip test over groups: would it be as bad if before and after changed places, photograph by photograph?"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bench.gate.bootstrap import RESAMPLES, SEED

EXACT_GROUPS = 14
"""Up to so many groups all flips are tried; of more, as many at random as the bootstrap has resamples."""


def flipped(excess: np.ndarray) -> float:
    """One-sided p-value of "what each group exceeds the threshold by is as likely to be -x as x".

    The randomization test of Fisher (1935, The Design of Experiments, §21) and Pitman (1937) with whole groups: the
    share of all flips of their signs whose sum is at least the observed one. It is exact for any number of groups
    and takes no account of how much they differ in size, so it finds the small damage that every photograph shows
    and one of them twenty times as much, which no mean of eight by its standard error tells from chance. It cannot
    go below 1/2^G.

    Args:
        excess: by how much each group exceeds the threshold, ``[groups]``.
    """
    signs = _signs(len(excess))
    reached = signs @ excess >= excess.sum() - 1e-12 * np.abs(excess).sum()
    if len(excess) <= EXACT_GROUPS:
        return float(reached.mean())
    return float((1 + reached.sum()) / (1 + len(signs)))


@lru_cache(maxsize=4)
def _signs(groups: int) -> np.ndarray:
    """Rows of ±1, ``[flips, groups]``; for few groups every one there is."""
    if groups <= EXACT_GROUPS:
        bits = (np.arange(2**groups)[:, None] >> np.arange(groups)) & 1
    else:
        bits = np.random.default_rng([SEED, groups, 2]).integers(0, 2, (RESAMPLES, groups))
    signs: np.ndarray = 1.0 - 2.0 * bits
    return signs
