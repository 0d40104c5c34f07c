"""Periodic activations (Ziyin et al. 2020, arXiv 2006.08195)."""

from __future__ import annotations

import torch
from torch import nn


class Snake(nn.Module):
    """``x + sin²(a x) / a``, with a frequency ``a`` for each channel.

    Args:
        shape: of the frequencies: ``(channels, 1)``, or ``(1, channels)`` where channels are the last axis.
        epsilon: what is added to the divisor.
    """

    def __init__(self, shape: tuple[int, int], epsilon: float = 1e-9) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, *shape))
        self.epsilon = epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The activation of ``[batch, channels, time]`` or ``[batch, time, channels]``."""
        return x + torch.sin(self.alpha * x).square() / (self.alpha + self.epsilon)
