"""Peak signal-to-noise ratio."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field

from bench.contracts.stats import Estimate, assign_blocks, block_jackknife
from bench.metrics.base import Batch, PerSampleMetric, Settings
from bench.modalities.image.metrics.pairs import explain_failures, image_pairs

LEVELS = 255
"""Steps between the smallest and largest value of eight bits."""
NOT_FINITE = "the reconstruction is not finite"


class PSNRSettings(Settings):
    """Settings of PSNR."""

    data_range: float = Field(default=1.0, gt=0, description="peak value; images are in [0, 1]")
    pooling: Literal["image", "set"] = Field(
        default="image", description="mean of the images' PSNR, or the PSNR of one MSE over all pixels of all images"
    )
    ceiling: Literal["one-level"] = Field(
        default="one-level",
        description="highest value, which exact images get: that of an error of one level of 255 in one channel of one "
        "pixel, 10 log10(data_range² · 255² · pixels · channels); 101.07 dB for 256x256 pixels",
    )


class PSNR(PerSampleMetric, line="psnr"):
    """PSNR = 10 log10(range² / MSE) in dB, the MSE over all pixels and channels of an image, in float64.

    At most the ceiling of what eight bits can show: the smallest error that is not zero is 1/255 in one channel of one
    pixel, so MSE = 1 / (255² · elements) and PSNR = 10 log10(range² · 255² · elements), 101.07 dB for 256x256 pixels
    of 3 channels. An image that came back exactly gets it, and so does one with a smaller error (of unrounded
    floats). Left out as infinite, an exact image would lower the mean. How many came back exactly is noted. With
    pooling ``set`` the elements are those of all images.
    """

    version = 2
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
        return {"psnr": torch.from_numpy(self._decibels(error.numpy(), elements.numpy()))}

    def samples(self) -> dict[str, np.ndarray]:
        """dB of each image; empty when one MSE is pooled over the set."""
        return super().samples() if self.settings.pooling == "image" else {}

    def compute(self) -> dict[str, Estimate]:
        estimate = self._pooled() if self.settings.pooling == "set" else super().compute()["psnr"]
        estimate = explain_failures(estimate, NOT_FINITE)
        note = "; ".join(filter(None, (estimate.note, self._exact())))
        return {"psnr": estimate.model_copy(update={"note": note})}

    def _decibels(self, error: np.ndarray, elements: np.ndarray) -> np.ndarray:
        """PSNR of sums of squared errors over so many elements, up to the ceiling; NaN where the sum is."""
        ceiling = (1 / LEVELS) ** 2
        decibels: np.ndarray = 10 * np.log10(self.settings.data_range**2 * elements / np.maximum(error, ceiling))
        return decibels

    def _exact(self) -> str:
        """How many images came back exactly, in words; empty if none did."""
        error, elements = self.stacked("squared_error"), self.stacked("elements")
        exact = error == 0
        if not exact.any():
            return ""
        pooled = self.settings.pooling == "set"
        highest = self._decibels(np.zeros(1), np.atleast_1d(elements.sum() if pooled else elements[exact].max()))
        count = f"{exact.sum()} of {len(error)} images came back exactly"
        return count if pooled and not exact.all() else f"{count}: {highest[0]:.2f} dB, the ceiling"

    def _pooled(self) -> Estimate:
        order = self.order()
        error, elements = self.stacked("squared_error")[order], self.stacked("elements")[order]
        if not len(error) or not np.isfinite(error).all():
            reason = NOT_FINITE if len(error) else "no samples"
            return self.describe("psnr", Estimate(value=None, failures=len(error), unavailable=reason))
        blocks = assign_blocks(self.stacked("groups")[order])

        def decibels(kept: np.ndarray) -> float:
            return float(self._decibels(error[kept].sum(), elements[kept].sum()))

        estimate = block_jackknife(decibels(blocks >= 0), np.bincount(blocks), lambda block: decibels(blocks != block))
        return self.describe("psnr", estimate)
