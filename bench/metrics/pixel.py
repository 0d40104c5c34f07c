"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from bench.metrics.base import Batch, Fact, PerSampleMetric, Settings
from bench.metrics.pairs import explain_failures, image_pairs
from bench.stats import Estimate, assign_blocks, block_jackknife

IDENTICAL = "infinite: reconstruction identical to the input"


class PSNRSettings(Settings):
    """Choices of the PSNR."""

    data_range: float = Field(default=1.0, gt=0, description="peak value; images are in [0, 1]")
    pooling: Literal["image", "set"] = Field(
        default="image", description="mean of the images' PSNR, or the PSNR of one MSE over all pixels of all images"
    )


class PSNR(PerSampleMetric):
    """PSNR = 10 log10(range² / MSE) in dB, the MSE over all pixels and channels of an image, in float64.

    An image that came back identical has an infinite PSNR. With pooling ``image`` it is left out of the
    mean, counted as a failure and noted; with pooling ``set`` its MSE of zero counts like any other.
    """

    outputs: ClassVar[dict[str, Fact]] = {"psnr": Fact("dB", True)}
    Settings = PSNRSettings
    settings: PSNRSettings

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_state("squared_error", default=[], dist_reduce_fx="cat")
        self.add_state("elements", default=[], dist_reduce_fx="cat")

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        errors = [(a - b).square().sum() for a, b in image_pairs(batch, torch.float64)]
        error = torch.stack(errors).cpu()
        elements = torch.full_like(error, batch.reference[0].numel())
        self.keep("squared_error", error)
        self.keep("elements", elements)
        return {"psnr": 10 * torch.log10(self.settings.data_range**2 * elements / error)}

    def samples(self) -> dict[str, np.ndarray]:
        """dB of each image; empty when one MSE is pooled over the set."""
        return super().samples() if self.settings.pooling == "image" else {}

    def compute(self) -> dict[str, Estimate]:
        if self.settings.pooling == "set":
            return {"psnr": self._pooled()}
        reason = IDENTICAL if np.isinf(self.stacked("value_psnr")).any() else "the reconstruction is not finite"
        return {name: explain_failures(estimate, reason) for name, estimate in super().compute().items()}

    def _pooled(self) -> Estimate:
        order = self.order()
        error, elements = self.stacked("squared_error")[order], self.stacked("elements")[order]
        if not math.isfinite(error.sum()) or not error.sum() > 0:
            reason = "no samples" if not len(error) else IDENTICAL if error.sum() == 0 else "not finite"
            return self.describe("psnr", Estimate(value=None, failures=len(error), unavailable=reason))
        blocks = assign_blocks(self.stacked("groups")[order])
        peak = self.settings.data_range**2

        def decibels(kept: np.ndarray) -> float:
            total = error[kept].sum()
            return float(10 * np.log10(peak * elements[kept].sum() / total)) if total > 0 else math.inf

        without = [decibels(blocks != block) for block in range(blocks.max() + 1)]
        if math.inf in without:
            method = "no interval: all of the error is in one block of samples"
            estimate = Estimate(value=decibels(blocks >= 0), n=len(error), method=method)
        else:
            estimate = block_jackknife(decibels(blocks >= 0), np.bincount(blocks), without.__getitem__)
        return self.describe("psnr", estimate)
