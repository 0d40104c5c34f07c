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
from bench.machine.spectra import factor_of
from bench.metrics.sets.engine import Engine
from bench.metrics.sets.gaussians import (
    Moments,
    distance_of,
    frechet_distance,
    mean_of,
    moments,
    root_of,
    root_of_covariance,
    root_of_rest,
    scatter_of,
    without_block,
)


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
        engine: where it is computed.
    """

    def __init__(
        self, reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray, engine: Engine
    ) -> None:
        self.engine = engine
        means = mean_of(reference, engine), mean_of(reconstruction, engine)
        self.x, self.y = engine.wide(reference) - means[0], engine.wide(reconstruction) - means[1]
        self.shift = means[0] - means[1]
        self.gram = self.x @ self.y.T
        self.squares = self.x.square().sum(1) + self.y.square().sum(1)
        self.bounds = np.append(starts, len(reference))

    def value(self) -> float:
        n = len(self.gram)
        root = root_of(self.gram, self.engine)
        return distance_of(self.shift, self.squares.sum() / (n - 1), root / (n - 1))

    def without(self, block: int) -> float:
        start, stop = self.bounds[block : block + 2]
        keep = _but(start, stop, self.gram)
        n = len(keep)
        # The rows are centered: the mean of the rest follows from the sum of the block.
        mean_x, mean_y = (-rows[start:stop].sum(0) / n for rows in (self.x, self.y))
        gram = self.gram[keep][:, keep]
        gram = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
        traces = self.squares[keep].sum() - n * (mean_x @ mean_x + mean_y @ mean_y)
        root = root_of_rest(gram, self.engine)
        return distance_of(self.shift + mean_x - mean_y, traces / (n - 1), root / (n - 1))


class MomentFrechet:
    """For n > d: moments of d x d, from which a block's share is subtracted. Arguments as for GramFrechet."""

    def __init__(
        self, reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray, engine: Engine
    ) -> None:
        self.sides, self.engine = (reference, reconstruction), engine
        self.bounds = np.append(starts, len(reference))
        self.means = tuple(mean_of(rows, engine) for rows in self.sides)
        self.scatters = tuple(
            scatter_of(rows, mean, engine)[1] for rows, mean in zip(self.sides, self.means, strict=True)
        )

    def value(self) -> float:
        n = len(self.sides[0])
        reference, reconstruction = (Moments(n, m, s / (n - 1)) for m, s in zip(self.means, self.scatters, strict=True))
        return frechet_distance(reference, reconstruction, self.engine)

    def without(self, block: int) -> float:
        reference, reconstruction = (self._rest(side, block) for side in (0, 1))
        root = root_of_covariance(factor_of(reconstruction.covariance), reference.covariance, self.engine)
        return distance_of(
            reference.mean - reconstruction.mean, reference.covariance.trace() + reconstruction.covariance.trace(), root
        )

    def _rest(self, side: int, block: int) -> Moments:
        start, stop = map(int, self.bounds[block : block + 2])
        return without_block(self.sides[side], self.means[side], self.scatters[side], start, stop, self.engine)


def paired_frechet(
    reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray, engine: Engine
) -> FrechetDistance:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = GramFrechet if len(reference) <= reference.shape[1] else MomentFrechet
    return kind(reference, reconstruction, starts, engine)


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
    def of(cls, rows: torch.Tensor, engine: Engine) -> Gaussian:
        """The Gaussian of features ``[n, d]``, with their unbiased covariance.

        Raises:
            Unavailable: there are fewer than two features.
        """
        n = len(rows)
        if n < 2:
            raise Unavailable(f"a covariance needs at least 2 references; there are {n}")
        if n > rows.shape[1]:
            fitted = moments(rows, engine)
            return cls(fitted.mean, factor_of(fitted.covariance), n)
        mean = mean_of(rows, engine)
        return cls(mean, (engine.wide(rows) - mean) / math.sqrt(n - 1), n)


class FewSamples:
    """For n <= d: everything follows from the products of centered samples with the factor.

    Args:
        samples: rows ``[n, d]``, sorted by block.
        reference: on the engine's device.
        bounds: where each block begins, and where the last ends.
        engine: where it is computed.
    """

    def __init__(self, samples: torch.Tensor, reference: Gaussian, bounds: np.ndarray, engine: Engine) -> None:
        self.engine, mean = engine, mean_of(samples, engine)
        self.x, self.reference, self.bounds = engine.wide(samples) - mean, reference, bounds
        self.shift = mean - reference.mean
        self.products = self.x @ reference.factor.T
        self.squares = self.x.square().sum(1)

    def value(self) -> float:
        n = len(self.x)
        root = root_of(self.products, self.engine) / math.sqrt(n - 1)
        return distance_of(self.shift, self.squares.sum() / (n - 1) + self.reference.trace, root)

    def without(self, block: int) -> float:
        start, stop = self.bounds[block : block + 2]
        keep = _but(start, stop, self.x)
        n = len(keep)
        # The rows are centered: the mean of the rest follows from the sum of the block.
        mean = -self.x[start:stop].sum(0) / n
        products = self.products[keep]
        products = products - products.mean(0)
        root = root_of_rest(products, self.engine) / math.sqrt(n - 1)
        trace = (self.squares[keep].sum() - n * (mean @ mean)) / (n - 1)
        return distance_of(self.shift + mean, trace + self.reference.trace, root)


class ManySamples:
    """For n > d: moments of d x d, from which a block's share is subtracted. Arguments as for FewSamples."""

    def __init__(self, samples: torch.Tensor, reference: Gaussian, bounds: np.ndarray, engine: Engine) -> None:
        self.samples, self.reference, self.bounds, self.engine = samples, reference, bounds, engine
        self.mean = mean_of(samples, engine)
        self.scatter = scatter_of(samples, self.mean, engine)[1]

    def value(self) -> float:
        covariance = self.scatter / (len(self.samples) - 1)
        root = root_of(factor_of(covariance) @ self.reference.factor.T, self.engine)
        return distance_of(self.mean - self.reference.mean, covariance.trace() + self.reference.trace, root)

    def without(self, block: int) -> float:
        start, stop = map(int, self.bounds[block : block + 2])
        rest = without_block(self.samples, self.mean, self.scatter, start, stop, self.engine)
        root = root_of_covariance(self.reference.factor, rest.covariance, self.engine)
        return distance_of(rest.mean - self.reference.mean, rest.covariance.trace() + self.reference.trace, root)


def fixed_frechet(samples: torch.Tensor, reference: Gaussian, bounds: np.ndarray, engine: Engine) -> FrechetDistance:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = FewSamples if len(samples) <= samples.shape[1] else ManySamples
    return kind(samples, reference, bounds, engine)


def _but(start: int, stop: int, rows: torch.Tensor) -> torch.Tensor:
    """The numbers of all rows but those of a block, on the device of the rows."""
    return torch.from_numpy(np.r_[0:start, stop : len(rows)]).to(rows.device)
