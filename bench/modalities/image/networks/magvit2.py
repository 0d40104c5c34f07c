"""The encoder and decoder of Open-MAGVIT2 (Luo et al. 2024, arXiv 2409.04410), which WeTok has too.

They have no attention. Each stage of the decoder is normalized by statistics of the codes. Modules are named so that a
state dict has the names of the publishers' files.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks import taming


class ResidualBlock(taming.ResidualBlock):
    """The residual block of taming-transformers with convolutions that have no bias."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out)
        for module in self.children():
            if isinstance(module, nn.Conv2d):
                module.bias = None


class Stage(nn.Module):
    """Residual blocks of one grid, and the change of grid."""

    def __init__(self, widths: Sequence[int], resampling: tuple[str, nn.Module] | None) -> None:
        super().__init__()
        self.block = _blocks(widths)
        self.resampling = resampling[0] if resampling else ""
        if resampling:
            self.add_module(*resampling)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.block:
            x = block(x)
        return getattr(self, self.resampling)(x) if self.resampling else x


class Doubling(nn.Module):
    """A convolution that makes the four positions of each one, which are in its channels from the outermost axis."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 4 * channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        parts = self.conv1(x).view(batch, 2, 2, channels, height, width)
        doubled: torch.Tensor = parts.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels, 2 * height, 2 * width)
        return doubled


class AdaptiveNorm(nn.Module):
    """Group normalization whose scale and offset are linear in deviation and mean of the codes over all positions.

    The deviation of a single position, which the publishers leave undefined, counts as 0.
    """

    def __init__(self, latents: int, channels: int) -> None:
        super().__init__()
        self.gn = nn.GroupNorm(32, channels, eps=1e-6, affine=False)
        self.gamma, self.beta = nn.Linear(latents, channels), nn.Linear(latents, channels)

    def forward(self, x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        positions = codes.flatten(2)
        deviation = (positions.var(2, correction=min(1, positions.shape[2] - 1)) + 1e-6).sqrt()
        scale, offset = self.gamma(deviation), self.beta(positions.mean(2))
        normed: torch.Tensor = self.gn(x) * scale[..., None, None] + offset[..., None, None]
        return normed


class Encoder(nn.Module):
    """Images ``[batch, in_channels, h, w]`` to latents ``[batch, latents, h / 2^(stages - 1), w / 2^(stages - 1)]``.

    Args:
        width: channels at the finest grid.
        factors: channels of each stage over that width, from the finest; each stage but the last halves the grid.
        blocks: residual blocks of a stage.
        latents: channels that come out.
    """

    def __init__(self, width: int, factors: Sequence[int], blocks: int, latents: int, in_channels: int = 3) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.down = nn.ModuleList()
        here = width
        for stage, factor in enumerate(factors):
            out = width * factor
            last = stage == len(factors) - 1
            resampling = None if last else ("downsample", nn.Conv2d(out, out, 3, stride=2, padding=1))
            self.down.append(Stage((here, *(out,) * blocks), resampling))
            here = out
        self.mid_block = _blocks((here,) * (blocks + 1))
        self.norm_out, self.conv_out = taming.norm(here), nn.Conv2d(here, latents, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(images)
        for module in (*self.down, *self.mid_block):
            x = module(x)
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out


class Decoder(nn.Module):
    """Codes ``[batch, latents, h, w]`` of -1 and 1 to images ``[batch, out_channels, h 2^(stages - 1), ...]``.

    Its stages are stored from the finest, as the encoder's are.

    Args:
        width, factors, blocks, latents: as of :class:`Encoder`.
        noisy: whether it is WeTok's generative decoder (Zhuang et al. 2025, arXiv 2508.05599), which takes standard
            normal noise beside the codes.
    """

    def __init__(
        self,
        width: int,
        factors: Sequence[int],
        blocks: int,
        latents: int,
        out_channels: int = 3,
        noisy: bool = False,
    ) -> None:
        super().__init__()
        here = width * factors[-1]
        self.noisy = noisy
        self.conv_in = nn.Conv2d(latents * (2 if noisy else 1), here, 3, padding=1)
        self.mid_block = _blocks((here,) * (blocks + 1))
        stages, norms = [], []
        for stage in reversed(range(len(factors))):
            out = width * factors[stage]
            norms.append(AdaptiveNorm(latents, here))
            stages.append(Stage((here, *(out,) * blocks), ("upsample", Doubling(out)) if stage else None))
            here = out
        self.up, self.adaptive = nn.ModuleList(reversed(stages)), nn.ModuleList(reversed(norms))
        self.norm_out, self.conv_out = taming.norm(here), nn.Conv2d(here, out_channels, 3, padding=1)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(torch.cat([codes, noise_like(codes)], 1) if self.noisy else codes)
        for block in self.mid_block:
            x = block(x)
        for stage, norm in zip(reversed(self.up), reversed(self.adaptive), strict=True):
            x = stage(norm(x, codes))
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out


def noise_like(codes: torch.Tensor) -> torch.Tensor:
    """Standard normal noise of the shape ``[batch, channels, h, w]``, the same for every sample and on every device.

    The publishers draw it anew for each batch, so that an image depends on those before it. A sample of its own for
    each image would too, or depend on its place.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, *codes.shape[1:], generator=generator)
    return noise.to(codes.device, codes.dtype).expand_as(codes)


def _blocks(widths: Sequence[int]) -> nn.ModuleList:
    """Residual blocks, one after the other, between these widths."""
    return nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(widths))
