"""Recurrence over the frames of a clip."""

from __future__ import annotations

import torch
from torch import nn


class Recurrence(nn.Module):
    """An LSTM over time, added to its input.

    Args:
        channels: of what comes in and goes out.
        layers: of the LSTM.
        both_ways: whether half of the channels are of an LSTM from the end of the clip.
    """

    def __init__(self, channels: int, layers: int, both_ways: bool = False) -> None:
        super().__init__()
        width = channels // 2 if both_ways else channels
        self.lstm = nn.LSTM(channels, width, layers, batch_first=True, bidirectional=both_ways)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        remembered: torch.Tensor = self.lstm(x.transpose(1, 2))[0]
        return x + remembered.transpose(1, 2)
