"""Pixels as the 256 levels of a file."""

from __future__ import annotations

import torch


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Images in [0, 1] as the nearest of 256 levels; what lies outside is clamped.

    Raises:
        FloatingPointError: a pixel is NaN or infinite.
    """
    if images.dtype == torch.uint8:
        return images
    if not bool(torch.isfinite(images).all()):
        raise FloatingPointError("an image has NaN or infinite pixels; it has no features")
    return nearest_levels(images)


def nearest_levels(images: torch.Tensor) -> torch.Tensor:
    """As :func:`to_uint8`, uint8, without the check: a pixel that is NaN or infinite becomes any level."""
    return (images.float() * 255).round_().clamp_(0, 255).to(torch.uint8)
