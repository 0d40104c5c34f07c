"""Vision transformers that write an image into a few latent tokens and read it from them, with the blocks of timm.

Chen et al. 2024 (SoftVQ-VAE, arXiv 2412.10958) and 2025 (MAETok, arXiv 2502.03444) build on DINOv2's. Modules are named
so that a state dict has the names of the publishers' files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks.attention import Attention, turned
from bench.modalities.image.networks.patches import image_of_patches

Turn = Callable[[torch.Tensor], torch.Tensor]
"""What becomes of queries, and of keys, ``[batch, heads, tokens, head]``."""


@dataclass(frozen=True)
class Size:
    """How large a transformer is.

    Attributes:
        registers: tokens beside the class token, which then have no position.
    """

    width: int
    depth: int
    heads: int
    registers: int = 0


class Scale(nn.Module):
    """A factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Attention and two linear maps, each normalized before, scaled after, and added to its input."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(size.width, eps=1e-6) for _ in range(2))
        self.attn = Attention(size.width, size.heads)
        self.ls1, self.ls2 = Scale(size.width), Scale(size.width)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(size.width, 4 * size.width), "fc2": nn.Linear(4 * size.width, size.width)}
        )

    def forward(self, x: torch.Tensor, turn: Turn | None) -> torch.Tensor:
        x = x + self.ls1(self.attn(self.norm1(x), turn))
        out: torch.Tensor = x + self.ls2(self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x)))))
        return out


class Transformer(nn.Module):
    """The blocks, with what is added to the tokens of an image.

    Args:
        positions: tokens of an image.
        leads: whether a class token comes before them.
        placed: whether learned positions are added to them.
        patch: side of the squares that become tokens, in pixels; 0 where no image comes in.
    """

    def __init__(self, size: Size, positions: int, leads: bool = True, placed: bool = True, patch: int = 0) -> None:
        super().__init__()
        if patch:
            self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, size.width, patch, patch)})
        self.placed, self.registers = placed, size.registers
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width)) if leads else None
        if size.registers:
            self.reg_token = nn.Parameter(torch.zeros(1, size.registers, size.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, positions + (not size.registers), size.width))
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.depth))
        self.norm = nn.LayerNorm(size.width, eps=1e-6)
        self.before = size.registers + leads

    def forward(self, image: torch.Tensor, latents: torch.Tensor, turns: torch.Tensor | None) -> torch.Tensor:
        """All tokens after the blocks: class and registers, those of the image, latents.

        Args:
            image: tokens of images ``[batch, positions, width]``.
            latents: ``[batch, count, width]``.
            turns: angles ``[depth, heads, positions, head width / 2]``.
        """
        tokens = [self.cls_token] if self.cls_token is not None else []
        tokens += [self.reg_token] if self.registers else []
        before = [token.expand(len(image), -1, -1) for token in tokens]
        if self.placed and self.registers:
            image = image + self.pos_embed
        x = torch.cat([*before, image], 1)
        if self.placed and not self.registers:
            x = x + self.pos_embed
        x = torch.cat((x, latents), 1)
        for index, block in enumerate(self.blocks):
            x = block(x, None if turns is None else self._turn(turns[index]))
        out: torch.Tensor = self.norm(x)
        return out

    def _turn(self, angles: torch.Tensor) -> Turn:
        """What turns the queries or keys of an image's tokens by angles ``[heads, positions, head / 2]``."""
        turns = torch.polar(torch.ones_like(angles), angles)
        sizes = (self.before, turns.shape[1])

        def turn(parts: torch.Tensor) -> torch.Tensor:
            before, inside, after = parts.split([*sizes, parts.shape[2] - sum(sizes)], 2)
            return torch.cat((before, turned(inside, turns), after), 2)

        return turn


class _Half(nn.Module):
    """What encoder and decoder share.

    Args:
        side: height and width of images in pixels.
        patch: side of the squares that are one token each.
        count: number of latent tokens.
        turning: whether learned angles of each block turn queries and keys by their place (mixed RoPE).
    """

    def __init__(self, size: Size, side: int, patch: int, count: int, turning: bool) -> None:
        super().__init__()
        self.patch, self.count, self.heads, self.grid = patch, count, size.heads, side // patch
        self.latent_pos_embed = nn.Parameter(torch.zeros(1, count, size.width))
        self.freqs = nn.Parameter(torch.zeros(2, size.depth, size.width // 2)) if turning else None

    def turns(self) -> torch.Tensor | None:
        """Angles ``[depth, heads, positions, head width / 2]`` of the tokens of an image."""
        if self.freqs is None:
            return None
        places = torch.arange(self.grid**2, device=self.freqs.device)[:, None]
        by_column, by_row = self.freqs.float()[:, :, None]
        angles = places % self.grid * by_column + places // self.grid * by_row
        of_heads: torch.Tensor = angles.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return of_heads


class Encoder(_Half):
    """Images ``[batch, 3, side, side]`` to latent tokens ``[batch, count, width]``; arguments as of :class:`_Half`."""

    def __init__(self, size: Size, side: int, patch: int, count: int, turning: bool) -> None:
        super().__init__(size, side, patch, count, turning)
        self.model = Transformer(size, self.grid**2, patch=patch)
        self.latent_tokens = nn.Parameter(torch.zeros(1, count, size.width))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = self.model.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        latents = (self.latent_tokens + self.latent_pos_embed).expand(len(images), -1, -1)
        out: torch.Tensor = self.model(patches, latents, self.turns())[:, -self.count :]
        return out


class Decoder(_Half):
    """Latent tokens ``[batch, count, width]`` to images ``[batch, 3, side, side]``.

    Args:
        size, side, patch, count, turning: as of :class:`_Half`; where queries and keys turn, positions are not added.
        leads: see :class:`Transformer`.
    """

    def __init__(self, size: Size, side: int, patch: int, count: int, turning: bool, leads: bool) -> None:
        super().__init__(size, side, patch, count, turning)
        self.model = Transformer(size, self.grid**2, leads, placed=not turning)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.to_pixel = nn.ModuleDict({"model": nn.Linear(size.width, 3 * patch**2)})

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        positions = self.grid**2
        empty = self.mask_token.expand(len(latents), positions, -1)
        x = self.model(empty, latents + self.latent_pos_embed, self.turns())
        pixels = self.to_pixel["model"](x[:, self.model.before : self.model.before + positions])
        return image_of_patches(pixels.unflatten(1, (self.grid, self.grid)), self.patch)
