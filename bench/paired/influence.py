"""Influence of groups of samples on a value, of which standard errors and the errors of differences are made.

A value v has *pulls* w_g, one per group of samples, whose norm is v's standard error. For two values on the same groups
the pulls are subtracted: the error of v - v' is |w - w'|, small where both values rise and fall with the same
photographs, however large the error of each is. Both ways in which the bench computes errors have this form:

- a ratio of sums (a mean is one) has w_g = √(G/(G-1))·u_g/G with the linearized residuals u_g = (N_g - R·M_g)/mean(M):
  the cluster-robust error of ``bench.contracts.stats.clustered_mean``;
- a jackknife over blocks of m_j samples has w_j = (o_j - o)/√(g·(h_j - 1)) with o_j = (h_j - 1)·(θ - θ_(j)),
  h_j = n/m_j and o = Σ o_j/h_j: the error of ``block_jackknife`` there, and that of a difference the jackknife of the
  differences of the replicates.
"""

from __future__ import annotations

import math

import numpy as np

from bench.contracts.stats import Estimate

NEAR = 1e-3
"""Part of a standard error by which that of the replicates may differ from it, as files round to nine digits."""


def of_ratios(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute ratios of sums and the pulls of their groups.

    Args:
        sums: numerator and denominator of each group, ``[systems, groups, 2]``.

    Returns:
        Ratios ``[systems]`` and pulls ``[systems, groups]``; the pulls are NaN if there is only one group.
    """
    count = sums.shape[1]
    over, under = np.moveaxis(sums, -1, 0)
    ratios = over.sum(1) / under.sum(1)
    residuals = (over - ratios[:, None] * under) / under.mean(1, keepdims=True)
    if count < 2:
        return ratios, np.full_like(residuals, np.nan)
    return ratios, residuals / math.sqrt(count * (count - 1))


def of_blocks(estimate: Estimate) -> np.ndarray | None:
    """Return the pulls of a jackknife's blocks, ``[blocks]``; None if the estimate's error is not a jackknife's."""
    if estimate.value is None or estimate.stderr is None or not estimate.replicates or not estimate.blocks:
        return None
    if len(estimate.replicates) != len(estimate.blocks) or len(estimate.blocks) < 2:
        return None
    sizes = np.array(estimate.blocks)
    ratio = sizes.sum() / sizes
    offset = (ratio - 1) * (estimate.value - np.array(estimate.replicates))
    pulls: np.ndarray = (offset - (offset / ratio).sum()) / np.sqrt(len(sizes) * (ratio - 1))
    # With several trainings the replicates are those of one, and the error is that of their spread.
    near = math.isclose(float(np.linalg.norm(pulls)), estimate.stderr, rel_tol=NEAR)
    return pulls if near else None


def distances(pulls: np.ndarray) -> np.ndarray:
    """Return squared distances ``[systems, systems]`` between the pulls ``[systems, groups]`` of all systems."""
    squares = np.empty((len(pulls), len(pulls)))
    # Not by products, which cancel where two systems are nearly the same; a few rows at a time for the memory.
    step = max(1, (1 << 22) // max(1, pulls.size))
    for start in range(0, len(pulls), step):
        part = pulls[start : start + step, None] - pulls[None]
        squares[start : start + step] = np.einsum("ijk,ijk->ij", part, part)
    return squares
