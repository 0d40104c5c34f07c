"""FID, sFID and their like: the Fréchet distance of generated images from a fixed set of references.

The arithmetic is that of ``bench/metrics/sets/gaussians.py``. The references are a Gaussian given by its mean and a
factor F with Σ = FᵀF, so that the last trace needs neither Σ nor as many references as samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch

from bench.contracts.stats import Estimate, block_jackknife
from bench.errors import Unavailable
from bench.machine.threads import each_on_one_thread
from bench.metrics.base import Fact, ReferenceSource
from bench.metrics.sets.frechet import EfficientNetFrechetSettings, PairedFrechet, bias_note
from bench.metrics.sets.gaussians import distance_of, mean_of, moments, scatter_of, without_block
from bench.metrics.sets.generated import GenerationMetric, about_samples, too_few_to_leave_out
from bench.metrics.sets.rows import InceptionSettings
from bench.metrics.sets.spectra import factor_of, root_trace, singular_values

UNCOUNTED = "the reference's precomputed statistics do not say of how many images they are"


@dataclass(frozen=True)
class Gaussian:
    """Mean ``[d]`` and a factor F ``[r, d]`` of the covariance FᵀF, float64.

    Attributes:
        n: features that it is of; None if that is not known.
    """

    mean: torch.Tensor
    factor: torch.Tensor
    n: int | None = None

    @property
    def trace(self) -> torch.Tensor:
        """Of the covariance."""
        return self.factor.square().sum()

    @classmethod
    def of(cls, rows: torch.Tensor) -> Gaussian:
        """That of features ``[n, d]``, with their unbiased covariance.

        Raises:
            Unavailable: there are fewer than two.
        """
        n = len(rows)
        if n < 2:
            raise Unavailable(f"a covariance needs at least 2 references, there are {n}")
        if n > rows.shape[1]:
            found = moments(rows)
            return cls(found.mean, factor_of(found.covariance), n)
        mean = mean_of(rows)
        return cls(mean, (rows.double() - mean) / math.sqrt(n - 1), n)


class FewSamples:
    """For n <= d: everything follows from the products of centred samples with the factor.

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
        # The rows are centred: the mean of the rest follows from the sum of the block.
        mean = -self.x[start:stop].sum(0) / n
        products = self.products[keep]
        products = products - products.mean(0)
        gram = products @ products.T if n <= products.shape[1] else products.T @ products
        trace = (self.squares[keep].sum() - n * (mean @ mean)) / (n - 1)
        return distance_of(self.shift + mean, trace + self.reference.trace, root_trace(gram) / math.sqrt(n - 1))


class ManySamples:
    """For n > d: moments of d x d, from which a block's share is taken away. Arguments as for FewSamples."""

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


def fixed_frechet(samples: torch.Tensor, reference: Gaussian, bounds: np.ndarray) -> PairedFrechet:
    """The cheaper of the two ways for these rows; both give the same values."""
    kind = FewSamples if len(samples) <= samples.shape[1] else ManySamples
    return kind(samples, reference, bounds)


class _GenerationFrechet(GenerationMetric):
    wants: ClassVar[Literal["statistics", "images"]] = "statistics"

    def estimates(self, references: ReferenceSource) -> dict[str, Estimate]:
        (name,) = self.outputs
        if self.n < 2:
            raise Unavailable(f"a covariance needs at least 2 samples, there are {self.n}")
        given = references.statistics(self.extractor, self.layer)
        if given:
            gaussian = Gaussian(given[0], factor_of(given[1]))
        else:
            gaussian = Gaussian.of(references.rows(self.extractor, self.layer))
        rows, bounds = self.by_block()
        distance = fixed_frechet(rows, gaussian, bounds)
        note = "; ".join(filter(None, (bias_note(self.n, rows.shape[1], gaussian.n), "" if gaussian.n else UNCOUNTED)))
        if reason := too_few_to_leave_out(bounds, 2):
            return {name: self.describe(name, Estimate(value=distance.value(), n=self.n, method=reason), note)}
        count = len(bounds) - 1
        jobs: list[Callable[[], float]] = [distance.value]
        jobs += [partial(distance.without, block) for block in range(count if count > 1 else 0)]
        value, *rest = each_on_one_thread(lambda job: job(), jobs)
        estimate = about_samples(block_jackknife(value, np.diff(bounds), rest.__getitem__))
        return {name: self.describe(name, estimate, note)}


class GFIDSettings(InceptionSettings):
    """FID of generated images."""

    layer: Literal["2048"] = "2048"
    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class GFID(_GenerationFrechet):
    """Generation FID: the Fréchet distance in the 2048 pool features of the 2015 Inception."""

    outputs: ClassVar[dict[str, Fact]] = {"gfid": Fact(higher_is_better=False, bounds=(0.0, float("inf")))}
    Settings = GFIDSettings


class SFIDSettings(InceptionSettings):
    """FID of spatial features."""

    layer: Literal["mixed_6/conv, 7 first channels, 17x17"] = "mixed_6/conv, 7 first channels, 17x17"
    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class SFID(_GenerationFrechet):
    """Spatial FID (Nash et al. 2021, arXiv:2103.03841, §4.1), in guided-diffusion's 7 x 17 x 17 features."""

    layer = "spatial"
    outputs: ClassVar[dict[str, Fact]] = {"sfid": Fact(higher_is_better=False, bounds=(0.0, float("inf")))}
    Settings = SFIDSettings


class GenerationEfficientNetFrechet(_GenerationFrechet):
    """The Fréchet distance in EfficientNet-Lite0's pooled features; it does not compare with any FID."""

    extractor = "efficientnet_lite0"
    outputs: ClassVar[dict[str, Fact]] = {
        "gfd_efficientnet_lite0": Fact(higher_is_better=False, bounds=(0.0, float("inf")))
    }
    weights: ClassVar[tuple[str, ...]] = ("efficientnet-lite0",)
    Settings = EfficientNetFrechetSettings
