"""Kernel distances between sets of features, with a standard error for their values; see ``kernel.py``."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bench.contracts.stats import Estimate, block_jackknife
from bench.errors import Unavailable
from bench.metrics.sets.base import Blocks, SetMetric
from bench.metrics.sets.features import EfficientNetSettings, InceptionSettings
from bench.metrics.sets.frechet import counted_references
from bench.metrics.sets.kernel import (
    Kernel,
    KernelSettings,
    Sums,
    centered,
    indicator,
    product_type,
    subset_draws,
)
from bench.metrics.sets.leaving_out import about_samples, too_few_to_leave_out


class KernelDistance(SetMetric):
    """Mean over subsets of the unbiased squared MMD of samples and references.

    The first input of torch-fidelity is the samples, the second the references; the draws depend on it. The standard
    error joins two parts: the block jackknife of the squared MMD of all, of pairs or of the samples alone, and what
    the choice of subsets adds.

    The estimate is unbiased for independent sets. A reconstruction is not independent of its image, which
    lowers the value by about 2/n of a kernel value; where that exceeds the standard error the note says so.
    """

    settings: KernelSettings

    def estimates(self) -> dict[str, Estimate]:
        (name,) = self.outputs
        order, engine = self.order(), self.engine
        if self.paired:
            self._require(self.n)
        y = self.reference_rows(order, engine)
        n, m = self.n, len(y)
        if not self.paired:
            self._require(n, m)
        blocks, x = self.blocks(order), self.rows("reconstruction", order, engine)
        kernel = Kernel(self.settings, x.shape[1], engine, product_type(max(n, m)))
        size = min(self.settings.subset_size, n, m)
        draws = subset_draws(self.settings, n, m, size)
        members = indicator(blocks.of)
        opposite = members if self.paired else np.ones((m, 1), np.uint8)
        xx = kernel.sums(x, x, (members, members), (draws[0], draws[0]))
        yy = kernel.sums(y, y, (opposite, opposite), (draws[1], draws[1]))
        xy = kernel.sums(x, y, (members, opposite), draws)
        per_subset = (xx.subsets + yy.subsets) / (size * (size - 1)) - 2 * xy.subsets / size**2
        value, count = float(per_subset.mean()), len(blocks.sizes)
        reason = too_few_to_leave_out(np.concatenate([[0], np.cumsum(blocks.sizes)]), 2)
        estimate = Estimate(value=value, n=n, method=reason)
        if not reason:
            mmd = _Pairs(blocks, xx, yy, xy) if self.paired else _Fixed(blocks, xx, yy, xy, m)
            estimate = block_jackknife(mmd(np.ones(count)), blocks.sizes, lambda j: mmd(1.0 - np.eye(count)[j]))
            estimate = centered(estimate, value, per_subset, count)
        if not self.paired:
            return {name: self.describe(name, about_samples(estimate), self._note_of_fixed(value, m, size))}
        notes = [_size_note(self.settings, n)]
        bias = _pairing_bias(kernel.pairs(x, y), float(xy.blocks.sum()), n)
        if not reason and abs(bias) > (estimate.stderr or 0.0):
            notes.append(
                f"includes {bias:.2g} from comparing each image with its own reconstruction, as torch-fidelity"
            )
        return {name: self.describe(name, estimate, "; ".join(filter(None, notes)))}

    def _require(self, n: int, m: int | None = None) -> None:
        """Raise Unavailable if there are too few samples, or too few references where they are counted apart."""
        if m is None and n < 2:
            raise Unavailable(f"an unbiased estimate needs at least 2 samples; there are {n}")
        if m is not None and min(n, m) < 2:
            raise Unavailable(f"an unbiased estimate needs 2 samples and 2 references; there are {n} and {m}")

    def _note_of_fixed(self, value: float, m: int, size: int) -> str:
        """The note of a distance to fixed references."""
        wanted = self.settings.subset_size
        counted = f"{self.n} samples, {counted_references(m)}"
        note = f"{counted}: subsets of {size}, as there are fewer than {wanted} on a side" if size < wanted else ""
        chance = "unbiased: below 0 by chance where sets are alike" if value < 0 else ""
        return "; ".join(filter(None, (note, chance)))


class _Pairs:
    """The squared MMD of the pairs of the blocks that are kept, from the sums over blocks."""

    def __init__(self, blocks: Blocks, xx: Sums, yy: Sums, xy: Sums) -> None:
        self.sizes, self.within, self.between = blocks.sizes, xx.blocks + yy.blocks, xy.blocks

    def __call__(self, keep: np.ndarray) -> float:
        m = float(self.sizes @ keep)
        within = keep @ self.within @ keep
        return float(within / (m * (m - 1)) - 2 * (keep @ self.between @ keep) / m**2)


class _Fixed:
    """The squared MMD of the samples of the blocks that are kept and m fixed references, from the sums over blocks."""

    def __init__(self, blocks: Blocks, xx: Sums, yy: Sums, xy: Sums, m: int) -> None:
        self.sizes, self.xx, self.yy, self.xy, self.m = blocks.sizes, xx.blocks, yy.blocks, xy.blocks, m

    def __call__(self, keep: np.ndarray) -> float:
        kept, m = float(self.sizes @ keep), self.m
        within = float(keep @ self.xx @ keep) / (kept * (kept - 1)) + float(self.yy.sum()) / (m * (m - 1))
        return within - 2 * float(keep @ self.xy[:, 0]) / (kept * m)


def _size_note(settings: KernelSettings, n: int) -> str:
    """A note where there are fewer samples than a subset has; empty elsewhere."""
    size = settings.subset_size
    return f"one subset of all {n} samples, as there are fewer than {size}" if n < size else ""


def _pairing_bias(pairs: float, total: float, n: int) -> float:
    """How far pairs that are not independent move the estimate: the cross term with them less that without.

    In expectation it is the same for subsets, of whose pairs one in n is an image and its reconstruction.
    """
    return -2 * (total / n**2 - (total - pairs) / (n * (n - 1)))


class KIDSettings(KernelSettings, InceptionSettings):
    """Settings of the Kernel Inception Distance."""

    layer: Literal["2048"] = "2048"


class KID(KernelDistance, line="kid"):
    """Kernel Inception Distance, in the 2048 pool features of the 2015 Inception."""

    extractor = "inception"
    Settings = KIDSettings
    settings: KIDSettings


class GenerationKID(KID, line="generation_kid"):
    """The Kernel Inception Distance of generated images, in the same pass of the network as sFID."""

    extractor = "inception_spatial"


class EfficientNetKernelSettings(KernelSettings, EfficientNetSettings):
    """Settings of the kernel distance in the features of EfficientNet-Lite0."""


class EfficientNetKernel(KernelDistance, line="generation_kd_efficientnet_lite0"):
    """The kernel distance in EfficientNet-Lite0's pooled features; not comparable with any KID."""

    extractor = "efficientnet_lite0"
    Settings = EfficientNetKernelSettings
