"""ViTamin (Chen et al. 2024, arXiv 2404.02132) as UniTok has it, and its mirror image that decodes.

Two stages of inverted bottlenecks, then transformer blocks at a sixteenth of the image's sides. There are no position
embeddings, so any size is encoded. Modules are named so that a state dict has the names of timm and of UniTok's files.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks import taming
from bench.modalities.image.networks.attention import Attention

EPSILON = 1e-6


class ChannelNorm(nn.LayerNorm):
    """Normalization of the channels at each position of maps ``[batch, channels, height, width]``."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPSILON)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return super().forward(maps.movedim(1, -1)).movedim(-1, 1)


class Halving(nn.Module):
    """The mean of each 3x3 area at every second position, and a 1x1 convolution where the width changes."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        means = F.avg_pool2d(maps, 3, stride=2, padding=1, count_include_pad=False)
        out: torch.Tensor = self.expand(means)
        return out


class Doubling(taming.Doubling):
    """Each position repeated in both directions, then a 3x3 convolution to another width."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels)
        self.conv = nn.Conv2d(channels, out, 3, padding=1)


class Bottleneck(nn.Module):
    """An inverted bottleneck: four times the width at its 3x3 convolution, which has one channel per group.

    Args:
        change: -1 halves the grid, 1 doubles it, 0 keeps it and the width.
    """

    def __init__(self, channels: int, out: int, change: int) -> None:
        super().__init__()
        inner = 4 * out
        shortcuts = {-1: Halving, 1: Doubling}
        self.shortcut = shortcuts[change](channels, out) if change else nn.Identity()
        self.pre_norm = ChannelNorm(channels)
        self.conv1_1x1 = nn.Conv2d(channels, inner, 1)
        self.up = Doubling(inner, inner) if change == 1 else nn.Identity()
        self.conv2_kxk = nn.Conv2d(inner, inner, 3, stride=2 if change == -1 else 1, padding=1, groups=inner)
        self.conv3_1x1 = nn.Conv2d(inner, out, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        x = self.up(F.gelu(self.conv1_1x1(self.pre_norm(maps))))
        out: torch.Tensor = self.conv3_1x1(F.gelu(self.conv2_kxk(x))) + self.shortcut(maps)
        return out


def bottlenecks(channels: int, out: int, count: int, change: int) -> nn.Sequential:
    """A stage whose first bottleneck changes grid and width."""
    first = Bottleneck(channels, out, change)
    return nn.Sequential(first, *(Bottleneck(out, out, 0) for _ in range(count - 1)))


class Gated(nn.Module):
    """A normalized feed-forward network, gated by GELU as it is approximated by tanh, twice as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=EPSILON)
        self.w0, self.w1 = nn.Linear(channels, 2 * channels), nn.Linear(channels, 2 * channels)
        self.w2 = nn.Linear(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x)
        out: torch.Tensor = self.w2(F.gelu(self.w0(x), approximate="tanh") * self.w1(x))
        return out


class Block(nn.Module):
    """A transformer block."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels, eps=EPSILON), nn.LayerNorm(channels, eps=EPSILON)
        self.attn, self.mlp = Attention(channels, heads), Gated(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        out: torch.Tensor = x + self.mlp(self.norm2(x))
        return out


class Convolutions(nn.Module):
    """The stem and the two stages: images ``[batch, 3, h, w]`` to maps ``[batch, widths[2], h / 16, w / 16]``."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        first, second, last = widths
        self.stem = nn.ModuleDict(
            {
                "conv1": nn.Conv2d(3, first, 3, stride=2, padding=1),
                "norm1": ChannelNorm(first),
                "conv2": nn.Conv2d(first, first, 3, padding=1),
            }
        )
        self.stages = nn.Sequential(bottlenecks(first, first, depths[0], -1), bottlenecks(first, second, depths[1], -1))
        self.pool = nn.ModuleDict(
            {"norm": ChannelNorm(second), "proj": nn.Conv2d(second, last, 3, stride=2, padding=1)}
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.stem["norm1"](self.stem["conv1"](images)))
        x = self.stages(self.stem["conv2"](x))
        out: torch.Tensor = self.pool["proj"](self.pool["norm"](x))
        return out


class Encoder(nn.Module):
    """Images ``[batch, 3, h, w]`` to features ``[batch, h / 16, w / 16, widths[2]]``.

    Args:
        widths: channels of the two stages and of the transformer.
        depths: bottlenecks of the two stages, and transformer blocks.
        heads: heads of attention.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int], heads: int) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"backbone": Convolutions(widths, depths)})
        # The same for all positions; UniTok leaves it at zero.
        self.pos_embed = nn.Parameter(torch.zeros(1, 1, widths[2]))
        self.blocks = nn.Sequential(*(Block(widths[2], heads) for _ in range(depths[2])))
        self.norm = nn.LayerNorm(widths[2], eps=EPSILON)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.patch_embed["backbone"](images)
        sequence = self.norm(self.blocks(maps.flatten(2).mT + self.pos_embed))
        features: torch.Tensor = sequence.unflatten(1, maps.shape[2:])
        return features


class Decoder(nn.Module):
    """Features ``[batch, h / 16, w / 16, widths[2]]`` to images ``[batch, 3, h, w]``.

    Args:
        widths, heads: as of :class:`Encoder`.
        depths: bottlenecks of the stage at the finer grid and of that at the coarser one, and transformer blocks.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int], heads: int) -> None:
        super().__init__()
        first, second, last = widths
        self.blocks = nn.Sequential(*(Block(last, heads) for _ in range(depths[2])))
        self.norm = nn.LayerNorm(last, eps=EPSILON)
        self.up_conv1 = Doubling(last, second)
        self.up_conv2 = bottlenecks(second, second, depths[1], 1)
        self.up_conv3 = bottlenecks(second, first, depths[0], 1)
        self.up_conv4 = nn.ModuleDict(
            {"conv1": Doubling(first, first), "norm1": ChannelNorm(first), "conv2": nn.Conv2d(first, 3, 3, padding=1)}
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.blocks(features.flatten(1, 2))).unflatten(1, features.shape[1:3]).movedim(-1, 1)
        x = self.up_conv3(self.up_conv2(self.up_conv1(x)))
        x = F.gelu(self.up_conv4["norm1"](self.up_conv4["conv1"](x)))
        images: torch.Tensor = self.up_conv4["conv2"](x)
        return images
