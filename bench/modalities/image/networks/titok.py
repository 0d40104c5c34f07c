"""The transformers of TiTok (Yu et al. 2024, arXiv 2406.07550).

They mix the patches of an image with a few tokens in one dimension. Modules are named so that a state dict has the
names of the publisher's files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from bench.modalities.image.networks.patches import image_of_patches

SIZES = {"small": (512, 8, 8), "base": (768, 12, 12), "large": (1024, 24, 16)}
"""Width, layers and heads of the publisher's transformers by their names."""


class Block(nn.Module):
    """Attention and a perceptron of four times the width, each after a normalization and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        perceptron = (
            ("c_fc", nn.Linear(width, 4 * width)),
            ("gelu", nn.GELU()),
            ("c_proj", nn.Linear(4 * width, width)),
        )
        self.mlp = nn.Sequential(OrderedDict(perceptron))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.ln_1(x)
        x = x + self.attn(inner, inner, inner, need_weights=False)[0]
        out: torch.Tensor = x + self.mlp(self.ln_2(x))
        return out


class Transformer(nn.Module):
    """What encoder and decoder share: blocks over a class token, the places of a grid, and the tokens.

    Args:
        size: width, layers and heads.
        grid: rows and columns of patches.
        tokens: how many there are for an image.
    """

    def __init__(self, size: Sequence[int], grid: int, tokens: int) -> None:
        super().__init__()
        self.width, layers, heads = size
        self.grid, self.tokens = grid, tokens
        self.class_embedding = nn.Parameter(torch.empty(1, self.width))
        self.positional_embedding = nn.Parameter(torch.empty(grid**2 + 1, self.width))
        self.latent_token_positional_embedding = nn.Parameter(torch.empty(tokens, self.width))
        self.ln_pre, self.ln_post = nn.LayerNorm(self.width), nn.LayerNorm(self.width)
        self.transformer = nn.ModuleList(Block(self.width, heads) for _ in range(layers))

    def mixed(self, places: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Places ``[batch, grid^2, width]`` and tokens ``[batch, tokens, width]`` after all blocks, normalized."""
        first = self.class_embedding.expand(len(places), 1, -1)
        places = torch.cat([first, places], 1) + self.positional_embedding
        x = self.ln_pre(torch.cat([places, tokens + self.latent_token_positional_embedding], 1))
        for block in self.transformer:
            x = block(x)
        _, places, tokens = self.ln_post(x).split([1, self.grid**2, self.tokens], 1)
        return places, tokens


class Encoder(Transformer):
    """Images ``[batch, 3, side, side]`` to the latents ``[batch, tokens, channels]`` of their tokens.

    Args:
        size, tokens: see :class:`Transformer`.
        side, patch: of an image and of its patches, in pixels.
        channels: of a latent.
        transposed: whether the numbers of all tokens are read as if channels came first, as the older models do; each
            latent is then made of numbers of several tokens.
    """

    def __init__(
        self, size: Sequence[int], side: int, patch: int, tokens: int, channels: int, transposed: bool
    ) -> None:
        super().__init__(size, side // patch, tokens)
        self.patch_embed = nn.Conv2d(3, self.width, patch, stride=patch)
        self.conv_out = nn.Conv2d(self.width, channels, 1)
        self.transposed = transposed

    def forward(self, images: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Latents of images, for tokens ``[tokens, width]`` to begin with."""
        patches = self.patch_embed(images).flatten(2).mT
        _, out = self.mixed(patches, tokens.expand(len(images), -1, -1))
        columns = out.reshape(len(images), self.width, -1) if self.transposed else out.mT
        latents: torch.Tensor = self.conv_out(columns.unsqueeze(-1)).squeeze(-1).mT
        return latents


class Decoder(Transformer):
    """Latents ``[batch, tokens, channels]`` to images ``[batch, 3, side, side]``, or to logits of other codes.

    Args:
        size, side, patch, tokens, channels: as of :class:`Encoder`.
        logits: entries of another tokenizer's codebook, where it gives logits ``[batch, logits, grid, grid]`` of
            those; 0 where it gives images.
    """

    def __init__(self, size: Sequence[int], side: int, patch: int, tokens: int, channels: int, logits: int) -> None:
        super().__init__(size, side // patch, tokens)
        self.decoder_embed = nn.Linear(channels, self.width)
        self.mask_token = nn.Parameter(torch.empty(1, 1, self.width))
        self.patch, self.logits = patch, logits
        if logits:
            self.ffn = nn.Sequential(
                nn.Conv2d(self.width, 2 * self.width, 1), nn.Tanh(), nn.Conv2d(2 * self.width, logits, 1)
            )
        else:
            self.ffn = nn.Sequential(nn.Conv2d(self.width, 3 * patch**2, 1))
            self.conv_out = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        masks = self.mask_token.expand(len(latents), self.grid**2, -1)
        places, _ = self.mixed(masks, self.decoder_embed(latents))
        maps: torch.Tensor = self.ffn(places.mT.unflatten(2, (self.grid, self.grid)))
        if self.logits:
            return maps
        images: torch.Tensor = self.conv_out(image_of_patches(maps.movedim(1, -1), self.patch))
        return images
