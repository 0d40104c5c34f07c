"""A module whose source torch.jit finds."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """Parameters and buffers of several dtypes, in nested modules."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.blocks = nn.ModuleList([nn.Linear(2, 2).half()])
        self.sizes = [1, 2]
        self.register_buffer("order", torch.arange(4))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.stem(images)
        return output
