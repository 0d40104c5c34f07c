"""The convolutional encoder and decoder of taming-transformers (Esser et al. 2021, arXiv 2012.09841, table 7).

Most VQ autoencoders since have them, with other widths, other places of attention, or another quantizer between the
two. Modules are named so that a state dict has the names of the publishers' files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def norm(channels: int) -> nn.GroupNorm:
    """The normalization of these networks: 32 groups, and an epsilon of 1e-6."""
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResidualBlock(nn.Module):
    """Two normalized 3x3 convolutions beside the identity, or beside a 1x1 convolution where the width changes."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, out, 3, padding=1)
        self.norm2, self.conv2 = norm(out), nn.Conv2d(out, out, 3, padding=1)
        if channels != out:
            self.nin_shortcut = nn.Conv2d(channels, out, 1)
        self.widens = channels != out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.conv1(F.silu(self.norm1(x)))
        inner = self.conv2(F.silu(self.norm2(inner)))
        return (self.nin_shortcut(x) if self.widens else x) + inner


class Attention(nn.Module):
    """Attention of one head over all positions, added to its input.

    Args:
        fused: whether the projections of queries, keys and values are one tensor, as in VAR's files.
    """

    def __init__(self, channels: int, fused: bool = False) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.fused = fused
        if fused:
            self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        else:
            self.q, self.k, self.v = (nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm(x)
        parts = self.qkv(inner).chunk(3, 1) if self.fused else (self.q(inner), self.k(inner), self.v(inner))
        query, key, value = (part.flatten(2).transpose(1, 2) for part in parts)
        mixed: torch.Tensor = F.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = self.proj_out(mixed.transpose(1, 2).reshape(x.shape))
        return x + out


class Middle(nn.Module):
    """What is at the coarsest grid: a residual block, attention, a residual block."""

    def __init__(self, channels: int, attends: bool, fused: bool) -> None:
        super().__init__()
        self.block_1, self.block_2 = ResidualBlock(channels, channels), ResidualBlock(channels, channels)
        self.attn_1 = Attention(channels, fused) if attends else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return out


class Halving(nn.Module):
    """A 3x3 convolution of stride 2, padded on the right and at the bottom alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class Doubling(nn.Module):
    """Each position repeated in both directions, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return out


class Stage(nn.Module):
    """Residual blocks of one grid, each followed by attention where the stage attends, and the change of grid."""

    def __init__(
        self, widths: Sequence[int], attends: bool, fused: bool, resampling: tuple[str, nn.Module] | None
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(widths))
        self.attn = nn.ModuleList(Attention(width, fused) for width in (widths[1:] if attends else ()))
        self.resampling = resampling[0] if resampling else ""
        if resampling:
            self.add_module(*resampling)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index, block in enumerate(self.block):
            x = block(x)
            if len(self.attn):
                x = self.attn[index](x)
        return getattr(self, self.resampling)(x) if self.resampling else x


class Encoder(nn.Module):
    """Images ``[batch, in_channels, h, w]`` to latents ``[batch, latents, h / 2^(stages - 1), w / 2^(stages - 1)]``.

    Args:
        width: channels at the finest grid.
        factors: channels of each stage over that width, from the finest; each stage but the last halves the grid.
        blocks: residual blocks of every stage, or of each.
        attending: stages with attention.
        latents: channels that come out.
        middle: whether there is attention in the middle.
        fused: see :class:`Attention`.
        halvings: stages that halve the grid, where the last one is not the only one that does not.
    """

    def __init__(
        self,
        width: int,
        factors: Sequence[int],
        blocks: int | Sequence[int],
        attending: Collection[int],
        latents: int,
        in_channels: int = 3,
        middle: bool = True,
        fused: bool = False,
        halvings: int | None = None,
    ) -> None:
        super().__init__()
        halvings = len(factors) - 1 if halvings is None else halvings
        self.conv_in = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down = nn.ModuleList()
        counts = _counts(blocks, factors)
        here = width
        for stage, factor in enumerate(factors):
            out = width * factor
            resampling = ("downsample", Halving(out)) if stage < halvings else None
            self.down.append(Stage((here, *(out,) * counts[stage]), stage in attending, fused, resampling))
            here = out
        self.mid = Middle(here, middle, fused)
        self.norm_out, self.conv_out = norm(here), nn.Conv2d(here, latents, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(images)
        for stage in self.down:
            x = stage(x)
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(self.mid(x))))
        return out


class Decoder(nn.Module):
    """Latents ``[batch, latents, h, w]`` to images ``[batch, out_channels, h 2^(stages - 1), w 2^(stages - 1)]``.

    Its stages are stored from the finest, as the encoder's are, and have one residual block more.

    Args:
        width, factors, blocks, attending, latents, middle, fused: as of :class:`Encoder`.
        doublings: stages that double the grid, from the coarsest, where the finest is not the only one that does not.
    """

    def __init__(
        self,
        width: int,
        factors: Sequence[int],
        blocks: int | Sequence[int],
        attending: Collection[int],
        latents: int,
        out_channels: int = 3,
        middle: bool = True,
        fused: bool = False,
        doublings: int | None = None,
    ) -> None:
        super().__init__()
        doublings = len(factors) - 1 if doublings is None else doublings
        here = width * factors[-1]
        self.conv_in = nn.Conv2d(latents, here, 3, padding=1)
        self.mid = Middle(here, middle, fused)
        stages = []
        counts = _counts(blocks, factors)
        for stage in reversed(range(len(factors))):
            out = width * factors[stage]
            resampling = ("upsample", Doubling(out)) if stage >= len(factors) - doublings else None
            stages.append(Stage((here, *(out,) * (counts[stage] + 1)), stage in attending, fused, resampling))
            here = out
        self.up = nn.ModuleList(reversed(stages))
        self.norm_out, self.conv_out = norm(here), nn.Conv2d(here, out_channels, 3, padding=1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = self.mid(self.conv_in(latents))
        for stage in reversed(self.up):
            x = stage(x)
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out


def _counts(blocks: int | Sequence[int], factors: Sequence[int]) -> Sequence[int]:
    """The residual blocks of each stage."""
    return [blocks] * len(factors) if isinstance(blocks, int) else blocks
