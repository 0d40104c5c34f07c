"""Fréchet distances between the features of references and reconstructions, with a paired jackknife.

The arithmetic is that of ``bench/metrics/sets/gaussians.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch

from bench.contracts.stats import Estimate, block_jackknife
from bench.machine.threads import each_on_one_thread
from bench.metrics.base import Fact
from bench.metrics.sets.gaussians import (
    Moments,
    distance_of,
    frechet_distance,
    mean_of,
    scatter_of,
    without_block,
)
from bench.metrics.sets.rows import EfficientNetSettings, FeatureMetric, InceptionSettings
from bench.metrics.sets.spectra import factor_of, root_trace, singular_values

ENOUGH = 10
"""Samples a dimension below which the bias of a Fréchet distance is worth a word."""


class PairedFrechet(Protocol):
    """The distance of paired rows, and what it would be without one block of pairs."""

    def value(self) -> float:
        """Of all pairs."""

    def without(self, block: int) -> float:
        """Of all pairs but those of a block."""


class GramFrechet:
    """For n <= d: everything follows from the n x n products of centred rows.

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
        # The rows are centred: the mean of the rest follows from the sum of the block.
        mean_x, mean_y = (-side[start:stop].sum(0) / n for side in (self.x, self.y))
        gram = self.gram[keep][:, keep]
        gram = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
        traces = self.squares[keep].sum() - n * (mean_x @ mean_x + mean_y @ mean_y)
        root = root_trace(gram @ gram.T)
        return distance_of(self.shift + mean_x - mean_y, traces / (n - 1), root / (n - 1))


class MomentFrechet:
    """For n > d: moments of d x d, from which a block's share is taken away. Arguments as for GramFrechet."""

    def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> None:
        self.sides = (reference, reconstruction)
        self.bounds = np.append(starts, len(reference))
        self.means = tuple(mean_of(rows) for rows in self.sides)
        self.scatters = tuple(scatter_of(rows, mean)[1] for rows, mean in zip(self.sides, self.means, strict=True))

    def value(self) -> float:
        n = len(self.sides[0])
        one, other = (Moments(n, m, s / (n - 1)) for m, s in zip(self.means, self.scatters, strict=True))
        return frechet_distance(one, other)

    def without(self, block: int) -> float:
        one, other = (self._rest(side, block) for side in (0, 1))
        factor = factor_of(other.covariance)
        root = root_trace(factor @ one.covariance @ factor.T)
        return distance_of(one.mean - other.mean, one.covariance.trace() + other.covariance.trace(), root)

    def _rest(self, side: int, block: int) -> Moments:
        start, stop = map(int, self.bounds[block : block + 2])
        return without_block(self.sides[side], self.means[side], self.scatters[side], start, stop)


def paired_frechet(reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> PairedFrechet:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = GramFrechet if len(reference) <= reference.shape[1] else MomentFrechet
    return kind(reference, reconstruction, starts)


def bias_note(n: int, dim: int, references: int | None = None) -> str:
    """What an interval cannot show: a Fréchet distance of few samples, or to few references, is too large on average.

    Args:
        references: how many there are, where they are no pairs of the samples and it is known.
    """
    if min(n, n if references is None else references) >= ENOUGH * dim:
        return ""
    counted = f"{n} samples" if references is None else f"{n} samples, {counted_references(references)}"
    return f"{counted} in {dim} dimensions: biased upwards, which the interval does not show; compare at equal N only"


def counted_references(n: int) -> str:
    """How many references there are, in words."""
    return f"{n} reference{'' if n == 1 else 's'}"


class _Frechet(FeatureMetric):
    """Fréchet distance between reconstructions and the very images they were made from."""

    layer = "pool"

    def compute(self) -> dict[str, Estimate]:
        (name,) = self.outputs
        if self.n < 2:
            return {name: self.unavailable(name, f"a covariance needs at least 2 samples, there are {self.n}", self.n)}
        order = self.order()
        blocks = self.blocks(order)
        # Rows of a block side by side, each block in the dataset's order.
        by_block = order[np.argsort(blocks.of, kind="stable")]
        starts = np.cumsum(blocks.sizes) - blocks.sizes
        reference = self.rows("reference", by_block)
        pairs = paired_frechet(reference, self.rows("reconstruction", by_block), starts)
        n, count = self.n, len(blocks.sizes)
        if count > 1 and n - blocks.sizes.max() < 2:
            method = f"no interval: {n} samples in {count} groups are too few to leave one out"
            return {name: self.describe(name, Estimate(value=pairs.value(), n=n, method=method))}
        jobs: list[Callable[[], float]] = [pairs.value]
        jobs += [partial(pairs.without, block) for block in range(count if count > 1 else 0)]
        value, *rest = each_on_one_thread(lambda job: job(), jobs)
        estimate = block_jackknife(value, blocks.sizes, rest.__getitem__)
        return {name: self.describe(name, estimate, bias_note(n, reference.shape[1]))}


class RFIDSettings(InceptionSettings):
    """Reconstruction FID."""

    layer: Literal["2048"] = "2048"
    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class RFID(_Frechet):
    """Reconstruction FID: the Fréchet distance in the 2048 pool features of the 2015 Inception."""

    extractor = "inception"
    outputs: ClassVar[dict[str, Fact]] = {"rfid": Fact(higher_is_better=False, bounds=(0.0, float("inf")))}
    weights: ClassVar[tuple[str, ...]] = ("inception-2015-12-05",)
    Settings = RFIDSettings


class EfficientNetFrechetSettings(EfficientNetSettings):
    """Fréchet distance in the features of EfficientNet-Lite0."""

    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class EfficientNetFrechet(_Frechet):
    """The Fréchet distance in EfficientNet-Lite0's pooled features; it does not compare with any FID."""

    extractor = "efficientnet_lite0"
    outputs: ClassVar[dict[str, Fact]] = {
        "fd_efficientnet_lite0": Fact(higher_is_better=False, bounds=(0.0, float("inf")))
    }
    weights: ClassVar[tuple[str, ...]] = ("efficientnet-lite0",)
    Settings = EfficientNetFrechetSettings
