"""Kernel distances of generated images from a fixed set of references; see ``bench/metrics/sets/kernel.py``."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch

from bench.contracts.stats import Estimate, block_jackknife
from bench.errors import Unavailable
from bench.metrics.base import Fact, ReferenceSource
from bench.metrics.sets.frechet import counted_references
from bench.metrics.sets.generated import GenerationMetric, about_samples, too_few_to_leave_out
from bench.metrics.sets.kernel import (
    FLOAT64_PRODUCTS,
    Kernel,
    KernelSettings,
    KIDSettings,
    centred,
    indicator,
    subset_draws,
)
from bench.metrics.sets.rows import EfficientNetSettings


class _GenerationKernel(GenerationMetric):
    """Mean over subsets of the unbiased squared MMD of samples and references.

    The standard error joins two parts: the block jackknife, over the samples, of the squared MMD of all, and
    what the choice of subsets adds.
    """

    wants: ClassVar[Literal["statistics", "images"]] = "images"
    settings: KernelSettings

    def estimates(self, references: ReferenceSource) -> dict[str, Estimate]:
        (name,) = self.outputs
        y = references.rows(self.extractor, self.layer)
        n, m = self.n, len(y)
        if min(n, m) < 2:
            raise Unavailable(f"an unbiased estimate needs 2 samples and 2 references, there are {n} and {m}")
        order = self.order()
        blocks = self.blocks(order)
        x = self.rows("reconstruction", order)
        products = torch.float64 if max(n, m) <= FLOAT64_PRODUCTS else torch.float32
        kernel = Kernel(self.settings, x.shape[1], self.heavy_device, products)
        size = min(self.settings.subset_size, n, m)
        draws = subset_draws(self.settings, n, m, size)
        members, whole = indicator(blocks.of), np.ones((m, 1), np.uint8)
        xx = kernel.sums(x, x, (members, members), (draws[0], draws[0]))
        yy = kernel.sums(y, y, (whole, whole), (draws[1], draws[1]))
        xy = kernel.sums(x, y, (members, whole), draws)
        per_subset = (xx.subsets + yy.subsets) / (size * (size - 1)) - 2 * xy.subsets / size**2
        value, count = float(per_subset.mean()), len(blocks.sizes)

        def mmd(keep: np.ndarray) -> float:
            kept = float(blocks.sizes @ keep)
            within = float(keep @ xx.blocks @ keep) / (kept * (kept - 1)) + float(yy.blocks.sum()) / (m * (m - 1))
            return within - 2 * float(keep @ xy.blocks[:, 0]) / (kept * m)

        wanted = self.settings.subset_size
        counted = f"{n} samples, {counted_references(m)}"
        note = f"{counted}: subsets of {size}, as there are fewer than {wanted} on a side" if size < wanted else ""
        if value < 0:
            note = "; ".join(filter(None, (note, "unbiased: below 0 by chance where sets are alike")))
        if reason := too_few_to_leave_out(np.concatenate([[0], np.cumsum(blocks.sizes)]), 2):
            return {name: self.describe(name, Estimate(value=value, n=n, method=reason), note)}
        estimate = block_jackknife(mmd(np.ones(count)), blocks.sizes, lambda j: mmd(1.0 - np.eye(count)[j]))
        return {name: self.describe(name, about_samples(centred(estimate, value, per_subset, count)), note)}


class GenerationKID(_GenerationKernel):
    """Kernel Inception Distance, in the 2048 pool features of the 2015 Inception."""

    outputs: ClassVar[dict[str, Fact]] = {"kid": Fact(higher_is_better=False)}
    Settings = KIDSettings


class EfficientNetKernelSettings(KernelSettings, EfficientNetSettings):
    """Kernel distance in the features of EfficientNet-Lite0."""


class GenerationEfficientNetKernel(_GenerationKernel):
    """The kernel distance in EfficientNet-Lite0's pooled features; it does not compare with any KID."""

    extractor = "efficientnet_lite0"
    outputs: ClassVar[dict[str, Fact]] = {"kd_efficientnet_lite0": Fact(higher_is_better=False)}
    weights: ClassVar[tuple[str, ...]] = ("efficientnet-lite0",)
    Settings = EfficientNetKernelSettings
