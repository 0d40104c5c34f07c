"""Two sets of features, whole and without one block, for the jackknife of set metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bench.contracts.stats import Estimate

FIXED = "of the samples, the references being fixed"
"""What an interval covers: another draw of samples, compared with the same references."""


@dataclass(frozen=True)
class Sets:
    """Features of samples and of what they are compared with.

    Attributes:
        samples: float32 ``[n, dim]``, block after block.
        references: float32 ``[m, dim]``; if they are pairs of the samples, in their order.
        bounds: where each block of samples begins, and where the last ends, ``[blocks + 1]``.
        paired: whether row k of the references belongs to row k of the samples; if not, the references are fixed.
    """

    samples: torch.Tensor
    references: torch.Tensor
    bounds: np.ndarray
    paired: bool

    @property
    def sizes(self) -> np.ndarray:
        """Samples of each block."""
        return np.diff(self.bounds)

    def without(self, block: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples and references without the samples of a block, and without their pairs if they are paired."""
        start, stop = map(int, self.bounds[block : block + 2])
        samples, references = (
            torch.cat([features[:start], features[stop:]]) for features in (self.samples, self.references)
        )
        return samples, references if self.paired else self.references


def too_few_to_leave_out(bounds: np.ndarray, least: int) -> str:
    """The reason why the jackknife cannot leave a block out and keep ``least`` samples; empty if it can."""
    sizes, n = np.diff(bounds), int(bounds[-1])
    if len(sizes) > 1 and n - sizes.max() < least:
        return f"no interval: {n} samples in {len(sizes)} groups are too few to leave one out"
    return ""


def about_samples(estimate: Estimate) -> Estimate:
    """The estimate, its method stating that the error is that of the samples alone."""
    return estimate.model_copy(update={"method": f"{estimate.method}, {FIXED}"}) if estimate.interval else estimate
