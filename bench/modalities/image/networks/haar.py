"""Haar wavelets of images, which Cosmos-Tokenizer has in place of patches (Agarwal et al. 2025, arXiv 2501.03575).

A step makes of each square of 2x2 pixels its mean and three differences, a quarter of the sums and differences each.
All channels of a step go into the next one, not the means alone.
"""

from __future__ import annotations

import torch


def haar(images: torch.Tensor, steps: int) -> torch.Tensor:
    """Coefficients ``[batch, 4^steps channels, h / 2^steps, w / 2^steps]`` of images ``[batch, channels, h, w]``.

    The means come first, then what changes from row to row, from column to column, and in both.
    """
    for _ in range(steps):
        upper, lower = images[..., 0::2, :], images[..., 1::2, :]
        means, changes = upper + lower, upper - lower
        parts = [rows[..., 0::2] + sign * rows[..., 1::2] for sign in (1, -1) for rows in (means, changes)]
        images = torch.cat(parts, 1) / 4
    return images


def inverse_haar(coefficients: torch.Tensor, steps: int) -> torch.Tensor:
    """Images ``[batch, channels, 2^steps h, 2^steps w]`` of coefficients ``[batch, 4^steps channels, h, w]``."""
    for _ in range(steps):
        mean, row, column, both = coefficients.chunk(4, 1)
        corners = [mean + row, mean - row]
        slopes = [column + both, column - both]
        rows = [torch.stack((m + s, m - s), -1).flatten(-2) for m, s in zip(corners, slopes, strict=True)]
        coefficients = torch.stack(rows, -2).flatten(-3, -2)
    return coefficients
