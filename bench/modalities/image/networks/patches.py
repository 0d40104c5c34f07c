"""Images from patches whose numbers have the colors last, unlike those of ``torch.nn.functional.pixel_shuffle``."""

from __future__ import annotations

import torch


def image_of_patches(patches: torch.Tensor, side: int) -> torch.Tensor:
    """Images ``[batch, 3, rows * side, columns * side]``.

    Args:
        patches: ``[batch, rows, columns, side * side * 3]``; the numbers of a patch go through its rows, the pixels of
            a row, and the colors of a pixel.
        side: height and width of a patch in pixels.
    """
    pixels = patches.unflatten(-1, (side, side, 3)).permute(0, 5, 1, 3, 2, 4)
    images: torch.Tensor = pixels.flatten(4, 5).flatten(2, 3)
    return images


def patches_of_image(images: torch.Tensor, side: int) -> torch.Tensor:
    """The inverse of :func:`image_of_patches`."""
    pixels = images.unflatten(3, (-1, side)).unflatten(2, (-1, side))
    patches: torch.Tensor = pixels.permute(0, 2, 4, 3, 5, 1).flatten(3)
    return patches
