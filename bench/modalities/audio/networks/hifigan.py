"""The generator of HiFi-GAN (Kong et al. 2020, arXiv 2010.05646), and blocks that encoders share with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

SLOPE = 0.1
"""Of the activations on their negative side."""


class DilatedBlock(nn.Module):
    """Pairs of convolutions, the first of each dilated, each pair added to its input."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1, self.convs2 = (
            nn.ModuleList(
                nn.Conv1d(channels, channels, kernel, dilation=step, padding=step * (kernel - 1) // 2) for step in steps
            )
            for steps in (dilations, (1,) * len(dilations))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            x = x + plain(F.leaky_relu(dilated(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


class Generator(nn.Module):
    """Latents ``[batch, channels, frames]`` to waves ``[batch, 1, frames times the product of the strides]``.

    Args:
        channels: of the latents.
        width: channels before the first stride, halved with each.
        strides: how many samples each transposed convolution makes of one.
        kernels: of those convolutions.
        blocks: kernel and dilations of each block that follows every stride; their mean goes on.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        strides: Sequence[int],
        kernels: Sequence[int],
        blocks: Sequence[tuple[int, Sequence[int]]],
    ) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(channels, width, 7, padding=3)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for stride, kernel in zip(strides, kernels, strict=True):
            self.ups.append(nn.ConvTranspose1d(width, width // 2, kernel, stride, (kernel - stride) // 2))
            width //= 2
            self.resblocks.extend(DilatedBlock(width, size, dilations) for size, dilations in blocks)
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3)
        self.each = len(blocks)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = self.conv_pre(latents)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, SLOPE))
            blocks = self.resblocks[stage * self.each : (stage + 1) * self.each]
            x = torch.stack([block(x) for block in blocks]).sum(0) / self.each
        return torch.tanh(self.conv_post(F.leaky_relu(x, SLOPE)))
