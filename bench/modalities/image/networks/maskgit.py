"""The convolutional encoder and decoder of MaskGIT's VQGAN (Chang et al. 2022, arXiv 2202.04200).

It is the network of taming-transformers without attention, biases in residual blocks, and, in MaskGIT itself, without
learned downsampling. MaskBit's tokenizers are it with other quantizers, and TiTok decodes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks.taming import Doubling, Halving, norm

RENAMES = ((r"(^|\.)(?:down|upsample)_conv\.", r"\1resampling.conv."),)
"""From the names of tensors in the publishers' files to those of this module."""


class ResidualBlock(nn.Module):
    """Two normalized 3x3 convolutions beside the identity.

    Where the width changes, a 1x1 convolution of their own output, not of the input, stands beside them: the weights
    were trained so.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.norm2, self.conv2 = norm(out), nn.Conv2d(out, out, 3, padding=1, bias=False)
        if channels != out:
            self.nin_shortcut = nn.Conv2d(out, out, 1, bias=False)
        self.widens = channels != out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.conv1(F.silu(self.norm1(x)))
        inner = self.conv2(F.silu(self.norm2(inner)))
        return inner + (self.nin_shortcut(inner) if self.widens else x)


def residual_blocks(widths: Sequence[int]) -> nn.ModuleList:
    """A residual block from each width to the next."""
    return nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(widths))


class Stage(nn.Module):
    """Residual blocks of one grid, and the change to the next grid."""

    def __init__(self, widths: Sequence[int], resampling: nn.Module) -> None:
        super().__init__()
        self.block = residual_blocks(widths)
        self.resampling = resampling

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.block:
            x = block(x)
        out: torch.Tensor = self.resampling(x)
        return out


class Encoder(nn.Module):
    """Images ``[batch, 3, h, w]`` to latents ``[batch, latents, h / 2^(stages - 1), w / 2^(stages - 1)]``.

    Args:
        width: channels at the finest grid.
        factors: channels of each stage over that width, from the finest; each stage but the last halves the grid.
        blocks: residual blocks of a stage, and of the middle.
        latents: channels that come out.
        learned: whether grids are halved by a convolution, not by averages of 2x2 positions.
    """

    def __init__(self, width: int, factors: Sequence[int], blocks: int, latents: int, learned: bool) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.down = nn.ModuleList()
        here = width
        for stage, factor in enumerate(factors):
            out = width * factor
            halving: nn.Module = Halving(out) if learned else nn.AvgPool2d(2)
            self.down.append(Stage((here, *(out,) * blocks), halving if stage < len(factors) - 1 else nn.Identity()))
            here = out
        self.mid = residual_blocks((here,) * (blocks + 1))
        self.norm_out, self.conv_out = norm(here), nn.Conv2d(here, latents, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(images)
        for module in (*self.down, *self.mid):
            x = module(x)
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out


class Decoder(nn.Module):
    """Latents ``[batch, latents, h, w]`` to images ``[batch, 3, h 2^(stages - 1), w 2^(stages - 1)]``.

    Args:
        width, factors, blocks, latents: as of :class:`Encoder`.
        finest_first: whether its stages are stored from the finest grid, as the encoder's are, or in the order of use.
    """

    def __init__(
        self, width: int, factors: Sequence[int], blocks: int, latents: int, finest_first: bool = True
    ) -> None:
        super().__init__()
        here = width * factors[-1]
        self.conv_in = nn.Conv2d(latents, here, 3, padding=1)
        self.mid = residual_blocks((here,) * (blocks + 1))
        stages = []
        for stage in reversed(range(len(factors))):
            out = width * factors[stage]
            stages.append(Stage((here, *(out,) * blocks), Doubling(out) if stage else nn.Identity()))
            here = out
        self.up = nn.ModuleList(reversed(stages) if finest_first else stages)
        self.finest_first = finest_first
        self.norm_out, self.conv_out = norm(here), nn.Conv2d(here, 3, 3, padding=1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(latents)
        stages = reversed(self.up) if self.finest_first else self.up
        for module in (*self.mid, *stages):
            x = module(x)
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out
