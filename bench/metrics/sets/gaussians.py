"""Gaussians fitted to features, and the Fréchet distance of two of them.

d² = |μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁Σ₂)^½ (Heusel et al. 2017, arXiv:1706.08500, eq. 6), means and
unbiased covariances of deep features, in float64.

The last trace is the sum of singular values of A₁A₂ᵀ for any factors Σᵢ = AᵢᵀAᵢ, because the eigenvalues
of Σ₁Σ₂ are the squared singular values. Two choices of the factors serve: the centered rows themselves
divided by √(n-1), so that a matrix of n x n does for n <= d; and Cholesky factors, d x d, for n > d. Neither
takes the square root of a rounding error, which the eigenvalues of Σ₁Σ₂ need where it is singular.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bench.machine.spectra import factor_of, nuclear_norm, root_trace, singular_values
from bench.metrics.sets.engine import Engine


@dataclass(frozen=True)
class Moments:
    """Mean ``[d]`` and unbiased covariance ``[d, d]`` of n features, float64."""

    n: int
    mean: torch.Tensor
    covariance: torch.Tensor


def moments(rows: torch.Tensor, engine: Engine) -> Moments:
    """Moments of features ``[n, d]``, summed in float64 one chunk at a time.

    Raises:
        ValueError: there are fewer than two features.
    """
    if len(rows) < 2:
        raise ValueError(f"a covariance needs at least 2 samples; there are {len(rows)}")
    mean = mean_of(rows, engine)
    return Moments(len(rows), mean, scatter_of(rows, mean, engine)[1] / (len(rows) - 1))


def frechet_distance(left: Moments, right: Moments, engine: Engine) -> float:
    """Squared Fréchet distance of two Gaussians; the samples behind them need not be paired."""
    root = root_of(factor_of(left.covariance) @ factor_of(right.covariance).T, engine)
    return distance_of(left.mean - right.mean, left.covariance.trace() + right.covariance.trace(), root)


def distance_of(shift: torch.Tensor, traces: torch.Tensor, root: torch.Tensor) -> float:
    """|μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁Σ₂)^½, of the difference of means, both traces, and the last trace."""
    # Equal sets differ from zero by rounding, which may be negative.
    return max(0.0, float(shift @ shift + traces - 2 * root))


def root_of(matrix: torch.Tensor, engine: Engine) -> torch.Tensor:
    """The sum of singular values of A₁A₂ᵀ ``[n, m]`` to full precision: the last trace of a distance."""
    return nuclear_norm(matrix) if engine.accelerated else singular_values(matrix).sum()


def root_of_rest(matrix: torch.Tensor, engine: Engine) -> torch.Tensor:
    """As :func:`root_of`, where a standard error is all that it serves: on a processor by eigenvalues of the square."""
    if engine.accelerated:
        return nuclear_norm(matrix)
    return root_trace(matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix)


def root_of_covariance(factor: torch.Tensor, covariance: torch.Tensor, engine: Engine) -> torch.Tensor:
    """As :func:`root_of_rest`, of A₁ ``[r, d]`` and Σ₂ ``[d, d]`` instead of its factor."""
    if engine.accelerated:
        return nuclear_norm(factor @ factor_of(covariance).T)
    return root_trace(factor @ covariance @ factor.T)


def mean_of(rows: torch.Tensor, engine: Engine) -> torch.Tensor:
    """The mean ``[d]`` of features ``[n, d]``, float64."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=engine.device)
    for part in rows.split(engine.chunk):
        total += part.to(engine.device).sum(0, dtype=torch.float64)
    return total / len(rows)


def scatter_of(rows: torch.Tensor, center: torch.Tensor, engine: Engine) -> tuple[torch.Tensor, torch.Tensor]:
    """Σ (x - c) and Σ (x - c)(x - c)ᵀ."""
    first, second = torch.zeros_like(center), center.new_zeros(len(center), len(center))
    for part in rows.split(engine.chunk):
        offsets = engine.wide(part) - center
        first += offsets.sum(0)
        second.addmm_(offsets.T, offsets)
    return first, second


def without_block(
    rows: torch.Tensor, mean: torch.Tensor, scatter: torch.Tensor, start: int, stop: int, engine: Engine
) -> Moments:
    """Moments of rows ``[n, d]`` but those of a block, from the mean and scatter of all.

    The block's share is summed again when it is needed: twenty of them would fill a gigabyte.
    """
    first, second = scatter_of(rows[start:stop], mean, engine)
    n = len(rows) - (stop - start)
    offset = -first / n
    return Moments(n, mean + offset, (scatter - second - n * torch.outer(offset, offset)) / (n - 1))
