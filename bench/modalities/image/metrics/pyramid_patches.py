"""Patches of the levels of a Laplacian pyramid (Burt & Adelson 1983), at places drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

SMALLEST = 16
"""Fewest pixels of the shorter side of the last level."""

CHANNELS = 3


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Height and width of each level: the image's own, then halves, rounded up, while both have 16 pixels."""
    sizes = []
    while min(height, width) >= SMALLEST:
        sizes.append((height, width))
        height, width = (height + 1) // 2, (width + 1) // 2
    return sizes


def laplacian_pyramid(images: torch.Tensor) -> list[torch.Tensor]:
    """The levels of images, float32 ``[batch, channels, height, width]``: what each has beyond the next, and the last.

    Down and up are OpenCV's ``pyrDown`` and ``pyrUp``: the binomial filter 1 4 6 4 1 on mirrored borders, and every
    other pixel.
    """
    levels = [images]
    for height, width in level_sizes(*images.shape[2:])[1:]:
        finer = levels[-1]
        coarser = _blurred(finer)[:, :, ::2, ::2]
        assert coarser.shape[2:] == (height, width)
        spread = torch.zeros_like(finer)
        spread[:, :, ::2, ::2] = coarser
        levels[-1] = finer - 4 * _blurred(spread)
        levels.append(coarser)
    return levels


def _blurred(images: torch.Tensor) -> torch.Tensor:
    """Images blurred by explicit sums, because a convolution rounds differently for another batch size."""
    for axis in (2, 3):
        size = images.shape[axis]
        mirrored = F.pad(images, (0, 0, 2, 2) if axis == 2 else (2, 2, 0, 0), mode="reflect")
        one, two, three, four, five = (mirrored.narrow(axis, start, size) for start in range(5))
        images = (one + five + 4 * (two + four) + 6 * three) / 16
    return images


def places(index: int, seed: int, sizes: Sequence[tuple[int, int]], count: int, side: int) -> np.ndarray:
    """Top and left of each patch of an image, ``[levels, count, 2]``; they depend only on the arguments."""
    generator = np.random.RandomState([seed, index])
    drawn = [[generator.randint(extent - side + 1, size=count) for extent in size] for size in sizes]
    return np.array(drawn).transpose(0, 2, 1)


def patches(images: torch.Tensor, index: torch.Tensor, seed: int, count: int, side: int) -> torch.Tensor:
    """Patches of every level of a batch, float32 ``[batch, levels, count, 3, side, side]``.

    Args:
        images: uint8 ``[batch, 3, height, width]``, 16 pixels or more on the shorter side.
        index: index of each image in its set, int64 ``[batch]``.
    """
    sizes = level_sizes(*images.shape[2:])
    where = np.stack([places(number, seed, sizes, count, side) for number in index.tolist()])
    corners = torch.from_numpy(where).to(images.device)
    offsets = torch.arange(side, device=images.device)
    image = torch.arange(len(images), device=images.device)[:, None, None, None, None]
    channel = torch.arange(CHANNELS, device=images.device)[:, None, None]
    levels = []
    for level, signal in enumerate(laplacian_pyramid(images.float())):
        top, left = (corners[:, level, :, axis, None] + offsets for axis in (0, 1))
        levels.append(signal[image, channel, top[:, :, None, :, None], left[:, :, None, None, :]])
    return torch.stack(levels, 1)
