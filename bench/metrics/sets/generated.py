"""What the metrics of generated images share: samples on one side, a fixed set of references on the other."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from typing import ClassVar, Literal

import numpy as np
import torch

from bench.contracts.stats import Estimate
from bench.errors import Unavailable
from bench.metrics.base import Batch, ReferenceSource
from bench.metrics.sets.rows import FeatureMetric, Side

FIXED = "of the samples, the references being fixed"
"""What an interval is about: another draw of samples, compared with the same references."""


class GenerationMetric(FeatureMetric):
    """A set-level metric of generated images against ``Batch.references``, which need not be as many.

    Class facts: ``wants`` is what it needs of the references, their ``statistics`` or the ``images``.
    """

    modality = "image"
    judges = "generation"
    extractor = "inception_spatial"
    layer = "pool"
    sides: ClassVar[tuple[Side, ...]] = ("reconstruction",)
    weights: ClassVar[tuple[str, ...]] = ("inception-2015-12-05",)
    wants: ClassVar[Literal["statistics", "images"]]
    references: ReferenceSource | None = None

    def update(self, batch: Batch) -> None:
        super().update(batch)
        self.references = batch.references

    def prepare(self, references: ReferenceSource) -> None:
        """Compute the features of the references' images if they are needed, before there are samples."""
        with suppress(Unavailable):  # ``compute`` will say so
            if self.wants == "images" or references.statistics(self.extractor, self.layer) is None:
                references.rows(self.extractor, self.layer)

    def compute(self) -> dict[str, Estimate]:
        """The estimates; unavailable, with the reason, where the samples or the references do not allow them."""
        try:
            return self.estimates(self.reference_set)
        except Unavailable as reason:
            return {name: self.unavailable(name, reason.cause, self.n, reason.remedy) for name in self.outputs}

    @abstractmethod
    def estimates(self, references: ReferenceSource) -> dict[str, Estimate]:
        """As ``compute``; may raise Unavailable."""

    @property
    def reference_set(self) -> ReferenceSource:
        """What the samples are compared with."""
        if self.references is None:
            raise ValueError(f"{type(self).__name__} needs references, but no batch had any")
        return self.references

    def by_block(self) -> tuple[torch.Tensor, np.ndarray]:
        """Features of the samples ``[n, dim]``, block after block, and where each block begins and the last ends."""
        order = self.order()
        blocks = self.blocks(order)
        rows = self.rows("reconstruction", order[np.argsort(blocks.of, kind="stable")])
        return rows, np.concatenate([[0], np.cumsum(blocks.sizes)])


def too_few_to_leave_out(bounds: np.ndarray, least: int) -> str:
    """Why the jackknife cannot leave a block out and keep so many samples; empty if it can."""
    sizes, n = np.diff(bounds), int(bounds[-1])
    if len(sizes) > 1 and n - sizes.max() < least:
        return f"no interval: {n} samples in {len(sizes)} groups are too few to leave one out"
    return ""


def about_samples(estimate: Estimate) -> Estimate:
    """The estimate, its method saying what the error is about."""
    return estimate.model_copy(update={"method": f"{estimate.method}, {FIXED}"}) if estimate.interval else estimate
