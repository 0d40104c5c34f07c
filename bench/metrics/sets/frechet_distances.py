"""Fréchet distances with and without each block: of pairs, and of samples from a fixed Gaussian.

The arithmetic is that of ``bench/metrics/sets/gaussians.py``. Fixed references are a Gaussian given by its mean and a
factor F with Σ = FᵀF, so that the last trace needs neither Σ nor as many references as samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from bench.errors import Unavailable
from bench.metrics.sets.gaussians import (
    Moments,
    distance_of,
    frechet_distance,
    mean_of,
    moments,
    scatter_of,
    without_block,
)
from bench.metrics.sets.spectra import factor_of, root_trace, singular_values


class FrechetDistance(Protocol):
    """The Fréchet distance of two sets of rows, with and without one block of them."""

    def value(self) -> float:
        """The squared distance of all rows."""

    def without(self, block: int) -> float:
        """The squared distance without the rows of a block, and without their pairs where they have some."""


class GramFrechet:
    """For n <= d: everything follows from the n x n products of centered rows.

    Args:
        reference, reconstruction: rows ``[n, d]``, pairs in the same order.
        starts: where each block begins; rows are sorted by block.
    """

    def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> None:
        means = mean_of(reference), mean_of(reconstruction)
        self.x, self.y = reference.double() - means[0], reconstruction.double() - means[1]
        self.shift = means[0] - means[1]
        self.gram = self.x @ self.y.T
        self.squares = self.x.square().sum(1) + self.y.square().sum(1)
        self.bounds = np.append(starts, len(reference))

    def value(self) -> float:
        n = len(self.gram)
        root = singular_values(self.gram).sum()
        return distance_of(self.shift, self.squares.sum() / (n - 1), root / (n - 1))

    def without(self, block: int) -> float:
        start, stop = self.bounds[block : block + 2]
        keep = torch.from_numpy(np.r_[0:start, stop : len(self.gram)])
        n = len(keep)
        # The rows are centered: the mean of the rest follows from the sum of the block.
        mean_x, mean_y = (-rows[start:stop].sum(0) / n for rows in (self.x, self.y))
        gram = self.gram[keep][:, keep]
        gram = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
        traces = self.squares[keep].sum() - n * (mean_x @ mean_x + mean_y @ mean_y)
        root = root_trace(gram @ gram.T)
        return distance_of(self.shift + mean_x - mean_y, traces / (n - 1), root / (n - 1))


class MomentFrechet:
    """For n > d: moments of d x d, from which a block's share is subtracted. Arguments as for GramFrechet."""

    def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> None:
        self.sides = (reference, reconstruction)
        self.bounds = np.append(starts, len(reference))
        self.means = tuple(mean_of(rows) for rows in self.sides)
        self.scatters = tuple(scatter_of(rows, mean)[1] for rows, mean in zip(self.sides, self.means, strict=True))

    def value(self) -> float:
        n = len(self.sides[0])
        reference, reconstruction = (Moments(n, m, s / (n - 1)) for m, s in zip(self.means, self.scatters, strict=True))
        return frechet_distance(reference, reconstruction)

    def without(self, block: int) -> float:
        reference, reconstruction = (self._rest(side, block) for side in (0, 1))
        factor = factor_of(reconstruction.covariance)
        root = root_trace(factor @ reference.covariance @ factor.T)
        return distance_of(
            reference.mean - reconstruction.mean, reference.covariance.trace() + reconstruction.covariance.trace(), root
        )

    def _rest(self, side: int, block: int) -> Moments:
        start, stop = map(int, self.bounds[block : block + 2])
        return without_block(self.sides[side], self.means[side], self.scatters[side], start, stop)


def paired_frechet(reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> FrechetDistance:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = GramFrechet if len(reference) <= reference.shape[1] else MomentFrechet
    return kind(reference, reconstruction, starts)


@dataclass(frozen=True)
class Gaussian:
    """Mean ``[d]`` and a factor F ``[r, d]`` of the covariance FᵀF, float64.

    Attributes:
        n: number of features it was computed from; None if unknown.
    """

    mean: torch.Tensor
    factor: torch.Tensor
    n: int | None = None

    @property
    def trace(self) -> torch.Tensor:
        """Trace of the covariance, float64."""
        return self.factor.square().sum()

    @classmethod
    def of(cls, rows: torch.Tensor) -> Gaussian:
        """The Gaussian of features ``[n, d]``, with their unbiased covariance.

        Raises:
            Unavailable: there are fewer than two features.
        """
        n = len(rows)
        if n < 2:
            raise Unavailable(f"a covariance needs at least 2 references; there are {n}")
        if n > rows.shape[1]:
            fitted = moments(rows)
            return cls(fitted.mean, factor_of(fitted.covariance), n)
        mean = mean_of(rows)
        return cls(mean, (rows.double() - mean) / math.sqrt(n - 1), n)


class FewSamples:
    """For n <= d: everything follows from the products of centered samples with the factor.

    Args:
        samples: rows ``[n, d]``, sorted by block.
        bounds: where each block begins, and where the last ends.
    """

    def __init__(self, samples: torch.Tensor, reference: Gaussian, bounds: np.ndarray) -> None:
        mean = mean_of(samples)
        self.x, self.reference, self.bounds = samples.double() - mean, reference, bounds
        self.shift = mean - reference.mean
        self.products = self.x @ reference.factor.T
        self.squares = self.x.square().sum(1)

    def value(self) -> float:
        n = len(self.x)
        root = singular_values(self.products).sum() / math.sqrt(n - 1)
        return distance_of(self.shift, self.squares.sum() / (n - 1) + self.reference.trace, root)

    def without(self, block: int) -> float:
        start, stop = self.bounds[block : block + 2]
        keep = torch.from_numpy(np.r_[0:start, stop : len(self.x)])
        n = len(keep)
        # The rows are centered: the mean of the rest follows from the sum of the block.
        mean = -self.x[start:stop].sum(0) / n
        products = self.products[keep]
        products = products - products.mean(0)
        gram = products @ products.T if n <= products.shape[1] else products.T @ products
        trace = (self.squares[keep].sum() - n * (mean @ mean)) / (n - 1)
        return distance_of(self.shift + mean, trace + self.reference.trace, root_trace(gram) / math.sqrt(n - 1))


class ManySamples:
    """For n > d: moments of d x d, from which a block's share is subtracted. Arguments as for FewSamples."""

    def __init__(self, samples: torch.Tensor, reference: Gaussian, bounds: np.ndarray) -> None:
        self.samples, self.reference, self.bounds = samples, reference, bounds
        self.mean = mean_of(samples)
        self.scatter = scatter_of(samples, self.mean)[1]

    def value(self) -> float:
        covariance = self.scatter / (len(self.samples) - 1)
        root = singular_values(factor_of(covariance) @ self.reference.factor.T).sum()
        return distance_of(self.mean - self.reference.mean, covariance.trace() + self.reference.trace, root)

    def without(self, block: int) -> float:
        rest = without_block(self.samples, self.mean, self.scatter, *map(int, self.bounds[block : block + 2]))
        factor = self.reference.factor
        root = root_trace(factor @ rest.covariance @ factor.T)
        return distance_of(rest.mean - self.reference.mean, rest.covariance.trace() + self.reference.trace, root)


def fixed_frechet(samples: torch.Tensor, reference: Gaussian, bounds: np.ndarray) -> FrechetDistance:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = FewSamples if len(samples) <= samples.shape[1] else ManySamples
    return kind(samples, reference, bounds)
