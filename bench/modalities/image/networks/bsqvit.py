"""The transformers of BSQ-ViT (Zhao et al. 2024, arXiv 2406.07548; github.com/zhaoyue-zephyrus/bsq-vit).

Modules are named so that a state dict has the names of the publisher's files.
"""

from __future__ import annotations

import torch
from torch import nn

from bench.modalities.image.networks.titok import Block

HIDDEN = 3072
"""Channels of the layer before the decoder's last one, whatever the width."""


class Blocks(nn.Module):
    """A row of blocks; a module of its own for the names of its tensors."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.resblocks:
            x = block(x)
        return x


class Encoder(nn.Module):
    """Images ``[batch, 3, side, side]`` to vectors ``[batch, width, rows, columns]`` of their patches.

    Args:
        side, patch: of an image and of its patches, in pixels.
        width, layers, heads: of the transformer.
    """

    def __init__(self, side: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.patch, self.grid = patch, side // patch
        self.conv1 = nn.Linear(3 * patch**2, width, bias=False)
        self.positional_embedding = nn.Parameter(torch.empty(self.grid**2, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Blocks(width, layers, heads)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = nn.functional.pixel_unshuffle(images, self.patch).flatten(2).mT
        x = self.ln_pre(self.conv1(patches) + self.positional_embedding)
        vectors: torch.Tensor = self.ln_post(self.transformer(x))
        return torch.unflatten(vectors.mT, 2, (self.grid, self.grid))


class Decoder(nn.Module):
    """Vectors ``[batch, width, rows, columns]`` to images ``[batch, 3, side, side]``.

    Args:
        side, patch, width, layers, heads: as of :class:`Encoder`.
    """

    def __init__(self, side: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.patch, self.grid = patch, side // patch
        self.positional_embedding = nn.Parameter(torch.empty(self.grid**2, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Blocks(width, layers, heads)
        self.ffn = nn.Sequential(nn.Linear(width, HIDDEN), nn.Tanh())
        self.conv_out = nn.Linear(HIDDEN, 3 * patch**2)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        x = self.ln_pre(vectors.flatten(2).mT + self.positional_embedding)
        patches: torch.Tensor = self.conv_out(self.ffn(self.ln_post(self.transformer(x))))
        return nn.functional.pixel_shuffle(patches.mT.unflatten(2, (self.grid, self.grid)), self.patch)
