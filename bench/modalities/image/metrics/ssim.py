"""Structural similarity on one scale and on several.

In float64 throughout: the variance is a difference of two nearly equal means, which float32 gets wrong
in the sixth digit. One separable window filter serves both metrics; it is several times faster than the
two-dimensional convolutions of torchmetrics and than scikit-image, and equals either to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator, model_validator

from bench.contracts.stats import Estimate
from bench.metrics.base import Batch, PerSampleMetric, Settings
from bench.modalities.image.metrics.pairs import explain_failures, image_pairs

# Images filtered at once: one fills a processor's cache, many fill a GPU.
CHUNK = {"cpu": 1, "cuda": 32}
STANDARD_BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
Border = Literal["exclude", "reflect"]


class WindowSettings(Settings):
    """Settings of both metrics."""

    data_range: float = Field(default=1.0, gt=0, description="range of the pixel values; images are in [0, 1]")
    size: int = Field(default=11, ge=3, description="side of the window in pixels, odd")
    sigma: float = Field(default=1.5, gt=0, description="standard deviation of the Gaussian window in pixels")
    k1: float = Field(default=0.01, gt=0, description="C1 = (k1 range)² steadies the luminance term")
    k2: float = Field(default=0.03, gt=0, description="C2 = (k2 range)² steadies the contrast term")

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError(f"the window needs a center pixel: an odd size, not {size}")
        return size


class SSIMSettings(WindowSettings):
    """Settings of SSIM; the defaults of size and covariance depend on the window."""

    window: Literal["gaussian", "uniform"] = Field(
        default="gaussian", description="gaussian: Wang et al. 2004; uniform: scikit-image's default, LlamaGen's"
    )
    sample_covariance: bool = Field(
        default=False, description="variances with n/(n-1), n pixels per window; true by default for uniform"
    )
    border: Border = Field(
        default="exclude",
        description="exclude: windows that lie within the image (Wang et al. 2004, scikit-image); "
        "reflect: one at every pixel of the image mirrored at its border (torchmetrics since 1.5)",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_window(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("window") == "uniform":
            return {"size": 7, "sample_covariance": True, **given}
        return given


class MSSSIMSettings(WindowSettings):
    """Settings of multi-scale SSIM."""

    betas: tuple[float, ...] = Field(default=STANDARD_BETAS, min_length=1, description="exponent of each scale")
    border: Border = Field(
        default="reflect",
        description="windows of the SSIM on the last scale: as torchmetrics does since 1.5, or exclude as "
        "Wang et al. 2003, pytorch-msssim and TensorFlow do; contrasts always exclude the border",
    )
    channels: Literal["joint", "separate"] = Field(
        default="joint",
        description="joint: the terms are means over the channels (torchmetrics); separate: one MS-SSIM per "
        "channel, then their mean (pytorch-msssim, TensorFlow)",
    )

    @property
    def shortest_side(self) -> int:
        """Smallest side on which the last scale still holds one window."""
        return self.size << (len(self.betas) - 1)


class SSIM(PerSampleMetric, line="ssim"):
    """SSIM of Wang et al. 2004 (IEEE TIP 13(4), eq. 13), mean over windows and channels; at most 1.

    The default equals ``skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False)``, window ``uniform`` its plain default.
    """

    Settings = SSIMSettings
    settings: SSIMSettings

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        if min(batch.reference.shape[-2:]) < self.settings.size:
            return {"ssim": torch.full((len(batch.reference),), math.nan)}
        weights = window_weights(self.settings.window, self.settings.size, self.settings.sigma)
        pixels = len(weights) ** 2
        factor = pixels / (pixels - 1) if self.settings.sample_covariance else 1.0
        maps = (similarity(a, b, weights, self.settings, factor, self.settings.border)[0] for a, b in _chunks(batch))
        return {"ssim": torch.cat([_means(image, (0, 1, 2)) for image in maps])}

    def compute(self) -> dict[str, Estimate]:
        reason = f"an image smaller than the {self.settings.size}x{self.settings.size} window, or not finite"
        return {name: explain_failures(estimate, reason) for name, estimate in super().compute().items()}


class MSSSIM(PerSampleMetric, line="ms_ssim"):
    """Multi-scale SSIM of Wang, Simoncelli & Bovik 2003 (Asilomar, eq. 7), in [0, 1].

    Π_s contrast_s^β_s over all scales but the last, times SSIM_last^β_last; each scale halves the one
    before by 2x2 means. Negative means count as 0, as their powers are not real. The default equals
    ``torchmetrics.functional.image.multiscale_structural_similarity_index_measure``.
    """

    Settings = MSSSIMSettings
    settings: MSSSIMSettings

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        if min(batch.reference.shape[-2:]) < self.settings.shortest_side:
            return {"ms_ssim": torch.full((len(batch.reference),), math.nan)}
        weights = window_weights("gaussian", self.settings.size, self.settings.sigma)
        return {"ms_ssim": torch.cat([self._product(a, b, weights) for a, b in _chunks(batch)])}

    def _product(self, a: torch.Tensor, b: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
        axes = (0, 1, 2) if self.settings.channels == "joint" else (1, 2)
        product = torch.ones((), dtype=a.dtype, device=a.device)
        *before, last = self.settings.betas
        for beta in before:
            _, contrast = similarity(a, b, weights, self.settings)
            product = product * _means(contrast, axes).relu() ** beta
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        ssim, _ = similarity(a, b, weights, self.settings, border=self.settings.border)
        product = product * _means(ssim, axes).relu() ** last
        return product.view(len(a), -1).mean(1)

    def compute(self) -> dict[str, Estimate]:
        side, scales = self.settings.shortest_side, len(self.settings.betas)
        reason = f"an image with a side under {side} pixels has no {scales} scales, or is not finite; use larger crops"
        return {name: explain_failures(estimate, reason) for name, estimate in super().compute().items()}


def _chunks(batch: Batch) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    return image_pairs(batch, torch.float64, CHUNK.get(batch.reference.device.type, 1))


def _means(maps: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """Mean of each image's map over some of its axes; on a processor one at a time for the sake of its last bits."""
    if maps.is_cpu:
        return torch.stack([image.mean(axes) for image in maps])
    return maps.mean([axis + 1 for axis in axes])


def window_weights(window: str, size: int, sigma: float) -> list[float]:
    """The window along one axis, of sum 1; the window is its outer product with itself."""
    radius = size // 2
    raw = [math.exp(-0.5 * (i / sigma) ** 2) if window == "gaussian" else 1.0 for i in range(-radius, radius + 1)]
    return [weight / math.fsum(raw) for weight in raw]


def similarity(
    a: torch.Tensor,
    b: torch.Tensor,
    weights: Sequence[float],
    settings: WindowSettings,
    factor: float = 1.0,
    border: Border = "exclude",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps of the SSIM and of its contrast-structure term, each ``[images, channels, rows, columns]``.

    Args:
        a, b: images ``[images, channels, height, width]``, float64.
        weights: the window along one axis.
        settings: data range and constants.
        factor: by which variances and covariance are multiplied.
        border: whether windows stay within the image, or the image is mirrored for them.
    """
    if border == "reflect":
        margin = len(weights) // 2
        a, b = (F.pad(image, (margin,) * 4, mode="reflect") for image in (a, b))
    c1, c2 = ((k * settings.data_range) ** 2 for k in (settings.k1, settings.k2))
    # Only the sum of the two variances is needed, so four maps are filtered rather than five.
    maps = (a, b, a.square() + b.square(), a * b)
    if a.is_cpu:
        mean_a, mean_b, squares, products = (local_means(image, weights) for image in maps)
    else:  # a GPU is given few large pieces of work
        mean_a, mean_b, squares, products = local_means(torch.stack(maps), weights)
    cross, energy = mean_a * mean_b, mean_a.square() + mean_b.square()
    contrast = (2 * factor * (products - cross) + c2) / (factor * (squares - energy) + c2)
    return (2 * cross + c1) / (energy + c1) * contrast, contrast


def local_means(image: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """Weighted means over all windows within the image: ``[..., height-size+1, width-size+1]``."""
    for axis in (-1, -2):
        length = image.shape[axis] - len(weights) + 1
        means = image.narrow(axis, 0, length) * weights[0]
        for start, weight in enumerate(weights[1:], start=1):
            means.add_(image.narrow(axis, start, length), alpha=weight)
        image = means
    return image
