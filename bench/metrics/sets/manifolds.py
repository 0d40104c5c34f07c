"""How far samples lie in the manifold of the references, and references in that of the samples.

A set's manifold is the union of balls, one around each feature, that reach to its k-th nearest other in the set.

Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2) are the shares of samples
in the references' manifold and of references in the samples', balls closed. Density and coverage (Naeem et al.
2020, arXiv:2002.09797, eq. 3 and 4) count the references' balls alone: how many hold a sample, on average, over k,
and which share of them holds any; balls open, as in the authors' code.

Of each set a random choice of ``references`` and ``samples`` images is used, because the shares depend on how many
there are. Everything is computed in tiles.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from bench.contracts.stats import CONFIDENCE, Estimate, assign_blocks, block_jackknife, clustered_mean
from bench.errors import Unavailable
from bench.metrics.base import Settings
from bench.metrics.sets.base import SetMetric
from bench.metrics.sets.features import EfficientNetSettings, InceptionSettings
from bench.metrics.sets.leaving_out import FIXED, about_samples, too_few_to_leave_out
from bench.metrics.sets.neighbors import Distances, Rounding, inside, nearest, radii, radii_without


class ManifoldSettings(Settings):
    """Settings of the images that the manifolds are made of, and of the distances."""

    references: int | None = Field(default=10_000, ge=2, description="references used at most; null: all")
    samples: int | None = Field(default=10_000, ge=2, description="samples used at most; null: all")
    choice_seed: int = Field(default=2020, ge=0, description="seed of numpy's RandomState, which chooses among more")
    distances: Rounding = Field(
        default="exact", description="exact, or rounded to float16 as guided-diffusion's evaluator does"
    )


class PrecisionRecallSettings(ManifoldSettings, InceptionSettings):
    """Settings of improved precision and recall."""

    layer: Literal["2048"] = "2048"
    k: int = Field(default=3, ge=1, description="neighbor that a ball reaches to")


class _DensityCoverageSettings(ManifoldSettings):
    k: int = Field(default=5, ge=1, description="neighbor that a ball reaches to")


class DensityCoverageSettings(_DensityCoverageSettings, InceptionSettings):
    """Settings of density and coverage."""

    layer: Literal["2048"] = "2048"


class EfficientNetDensityCoverageSettings(_DensityCoverageSettings, EfficientNetSettings):
    """Settings of density and coverage in the features of EfficientNet-Lite0."""


class _Manifolds(SetMetric):
    """Chooses the images of both sides. The error is that of the samples, whose inputs count as fixed too."""

    extractor = "inception_spatial"
    settings: PrecisionRecallSettings | _DensityCoverageSettings

    def chosen(self) -> tuple[torch.Tensor, torch.Tensor, list[int], Distances, str]:
        """Samples sorted by block, references, bounds of the blocks, the distances between all of them, and a note.

        Raises:
            Unavailable: a side has too few for a k-th nearest other.
        """
        order, engine = self.order(), self.engine
        pick = order[self._draw(len(order), self.settings.samples)]
        block = assign_blocks(self.stacked("groups")[pick])
        if self.references is None:
            whole = len(order)
            y = self.rows("reference", order[self._draw(whole, self.settings.references)], engine)
        else:
            rows = self.references.rows(self.extractor, self.layer)
            whole = len(rows)
            y = engine.staged(rows[self._draw(whole, self.settings.references)])
        x = self.rows("reconstruction", pick[np.argsort(block, kind="stable")], engine)
        least = self.settings.k + 1
        if min(len(x), len(y)) < least:
            reason = f"k = {self.settings.k} needs {least} samples and {least} references"
            raise Unavailable(f"{reason}; there are {len(x)} and {len(y)}")
        bounds = [0, *np.cumsum(np.bincount(block)).tolist()]
        note = self._note(len(x), len(y), whole)
        return x, y, bounds, Distances(x, y, self.settings.distances, engine), note

    def _draw(self, n: int, most: int | None) -> slice | np.ndarray:
        """Which of n to use, in their order."""
        if most is None or n <= most:
            return slice(None)
        return np.sort(np.random.RandomState(self.settings.choice_seed).permutation(n)[:most])

    def _note(self, used: int, references: int, whole: int) -> str:
        """How many samples and references were used, where that is not all of them."""
        left = [f"{used} of {self.n} samples"] if used < self.n else []
        left += [f"{references} of {whole} references"] if references < whole else []
        return " and ".join(left)


class PrecisionRecall(_Manifolds, line="precision_recall"):
    """Improved precision and recall in the 2048 pool features of the 2015 Inception, in [0, 1]."""

    Settings = PrecisionRecallSettings
    settings: PrecisionRecallSettings

    def estimates(self) -> dict[str, Estimate]:
        x, y, bounds, distances, note = self.chosen()
        k = self.settings.k
        reach = radii(nearest(y, k, [0, len(y)], distances), k)
        neighbors = nearest(x, k, bounds, distances)
        # Column 0 with all samples, the others each without a block.
        balls = torch.cat([radii(neighbors, k)[:, None], radii_without(neighbors, bounds, k)], 1)
        held = torch.zeros(len(x), dtype=torch.bool, device=distances.device)
        reached = torch.zeros(len(y), balls.shape[1], dtype=torch.bool, device=distances.device)
        for top, bottom, columns in distances.tiles(len(x), len(y)):
            for begin, end in columns:
                tile = distances.tile(x[top:bottom], y[begin:end])
                held[top:bottom] |= (tile <= reach[begin:end]).any(1)
                for column in range(balls.shape[1]):
                    reached[begin:end, column] |= (tile <= balls[top:bottom, column, None]).any(0)
        recall = _left_out(reached.double().mean(0).cpu().numpy(), bounds, k)
        return {
            "precision": self.describe("precision", share(int(held.sum()), len(x)), note),
            "recall": self.describe("recall", recall, note),
        }


class _DensityCoverage(_Manifolds):
    settings: _DensityCoverageSettings

    def estimates(self) -> dict[str, Estimate]:
        x, y, bounds, distances, note = self.chosen()
        k = self.settings.k
        reach = radii(nearest(y, k, [0, len(y)], distances), k)
        holding = torch.zeros(len(x), device=distances.device)
        held = torch.zeros(len(y), len(bounds) - 1, dtype=torch.bool, device=distances.device)
        for top, bottom, columns in distances.tiles(len(x), len(y)):
            for begin, end in columns:
                within = distances.tile(x[top:bottom], y[begin:end]) < reach[begin:end]
                holding[top:bottom] += within.sum(1)
                for block, first, last in inside(bounds, top, bottom):
                    held[begin:end, block] |= within[first:last].any(0)
        blocks = held.sum(1)
        # Without a block, a ball holds a sample if it holds one of another block.
        shares = torch.stack([held.any(1), *(blocks > held[:, block].long() for block in range(held.shape[1]))])
        coverage = _left_out(shares.double().mean(1).cpu().numpy(), bounds, 0)
        density = about_samples(clustered_mean(holding.cpu().double().numpy() / k, np.arange(len(x))))
        estimates = zip(self.outputs, (density, coverage), strict=True)
        return {name: self.describe(name, estimate, note) for name, estimate in estimates}


class DensityCoverage(_DensityCoverage, line="density_coverage"):
    """Density and coverage in the 2048 pool features of the 2015 Inception."""

    Settings = DensityCoverageSettings


class EfficientNetDensityCoverage(_DensityCoverage, line="density_coverage_efficientnet_lite0"):
    """Density and coverage in EfficientNet-Lite0's pooled features."""

    extractor = "efficientnet_lite0"
    Settings = EfficientNetDensityCoverageSettings


def _left_out(shares: np.ndarray, bounds: list[int], k: int) -> Estimate:
    """The share with all samples, with the jackknife of those without each block ``[1 + blocks]``."""
    sizes = np.diff(bounds)
    if reason := too_few_to_leave_out(np.array(bounds), k + 1):
        return Estimate(value=float(shares[0]), n=bounds[-1], method=reason)
    return about_samples(block_jackknife(float(shares[0]), sizes, lambda block: float(shares[1 + block])))


def share(count: int, n: int) -> Estimate:
    """A share of n independent samples with Wilson's 95% interval, which has a width at 0 and 1 too."""
    from scipy.stats import norm  # scipy.stats takes half a second to import

    z = float(norm.ppf(0.5 + CONFIDENCE / 2))
    p, spread = count / n, z * z / n
    center = (p + spread / 2) / (1 + spread)
    half = z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    interval = (min(center - half, p), max(center + half, p))
    return Estimate(
        value=p, stderr=math.sqrt(p * (1 - p) / n), interval=interval, n=n, method=f"Wilson score interval, {FIXED}"
    )
