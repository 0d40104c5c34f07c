"""The vision transformers of DeTok (Yang et al. 2025, arXiv 2507.15856): queries and keys turn by their place.

Modules are named so that a state dict has the names of the publisher's files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks.attention import Attention
from bench.modalities.image.networks.patches import image_of_patches

FASTEST, SLOWEST = 7.0, 7e-4
"""Frequencies of the angles, in turns across the image."""


@dataclass(frozen=True)
class Size:
    """How large a transformer is."""

    width: int
    depth: int
    heads: int


def angles(grid: int, dim: int) -> torch.Tensor:
    """Angles ``[grid^2, dim]`` of each position and channel: the first half follows the rows, the second the columns.

    The two channels of a pair have angles of their own.
    """
    turns = FASTEST * (FASTEST / SLOWEST) ** torch.linspace(0, -1, dim // 4).repeat(2)
    places = 2 * math.pi * torch.linspace(0, 1, grid)[:, None] * turns
    rows, columns = places[:, None].expand(-1, grid, -1), places.expand(grid, -1, -1)
    return torch.cat((rows, columns), -1).flatten(0, 1)


def _quarter_turn(x: torch.Tensor) -> torch.Tensor:
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((-odd, even), -1).flatten(-2)


class GatedMaps(nn.Module):
    """Two linear maps, of which one opens the other, and a third (SwiGLU)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inside = int(2 / 3 * width * 4.0)
        self.w12, self.w3 = nn.Linear(width, 2 * inside), nn.Linear(inside, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = self.w12(x).chunk(2, -1)
        out: torch.Tensor = self.w3(F.silu(gate) * value)
        return out


class Block(nn.Module):
    """Attention and gated maps, each normalized before and added to its input."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.RMSNorm(size.width, eps=1e-6) for _ in range(2))
        self.attn, self.mlp = Attention(size.width, size.heads), GatedMaps(size.width)

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x), lambda part: part * cosine + _quarter_turn(part) * sine)
        out: torch.Tensor = x + self.mlp(self.norm2(x))
        return out


class Transformer(nn.Module):
    """What encoder and decoder share: learned positions and the blocks.

    Args:
        grid: rows and columns of tokens.
    """

    def __init__(self, size: Size, grid: int) -> None:
        super().__init__()
        self.grid, self.dim = grid, size.width // size.heads
        self.positional_embedding = nn.Parameter(torch.zeros(1, grid**2, size.width))
        self.ln_pre, self.ln_post = (nn.RMSNorm(size.width, eps=1e-6) for _ in range(2))
        self.transformer = nn.ModuleList(Block(size) for _ in range(size.depth))

    def through(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens ``[batch, grid^2, width]`` after the blocks."""
        turns = angles(self.grid, self.dim).to(x.device)
        cosine, sine = turns.cos().to(x.dtype), turns.sin().to(x.dtype)
        x = self.ln_pre(x + self.positional_embedding)
        for block in self.transformer:
            x = block(x, cosine, sine)
        out: torch.Tensor = self.ln_post(x)
        return out


class Encoder(Transformer):
    """Images ``[batch, 3, side, side]`` to ``[batch, side / patch, side / patch, outputs]``."""

    def __init__(self, size: Size, side: int, patch: int, outputs: int) -> None:
        super().__init__(size, side // patch)
        self.patch_embed = nn.Sequential(nn.Conv2d(3, size.width, patch, patch))
        self.latent_head = nn.Linear(size.width, outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        out: torch.Tensor = self.latent_head(self.through(patches)).unflatten(1, (self.grid, self.grid))
        return out


class Decoder(Transformer):
    """Latents ``[batch, side / patch, side / patch, channels]`` to images ``[batch, 3, side, side]``."""

    def __init__(self, size: Size, side: int, patch: int, channels: int) -> None:
        super().__init__(size, side // patch)
        self.patch = patch
        self.decoder_embed = nn.Linear(channels, size.width)
        self.ffn = nn.Sequential(nn.Identity(), nn.Conv2d(size.width, 3 * patch**2, 1))
        self.conv_out = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = self.through(self.decoder_embed(latents.flatten(1, 2)))
        patches = self.ffn(x.transpose(1, 2).unflatten(-1, (self.grid, self.grid))).movedim(1, -1)
        images: torch.Tensor = self.conv_out(image_of_patches(patches, self.patch))
        return images
