"""OmniTokenizer's transformers (Wang et al. 2024, arXiv 2406.09399) for single images.

They also serve videos, so they have convolutions over three dimensions and blocks over time, in which an image is a
video of one frame. Modules are named so that a state dict has the names of the publisher's files.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks.attention import heads_of, turned

SCALE = 8.0
"""What products of unit queries and keys are multiplied by, whatever the width of a head."""


class Positions(nn.Module):
    """Conditional position encoding: a 3x3x3 convolution of each channel, which sees no later frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dsconv = nn.Conv3d(channels, channels, 3, groups=channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        video = F.pad(maps.movedim(-1, 1)[:, :, None], (1, 1, 1, 1, 2, 0))
        out: torch.Tensor = self.dsconv(video)[:, :, 0].movedim(1, -1)
        return maps + out


class RelativeBias(nn.Module):
    """Continuous position bias: a network of the logarithms of distances in rows and columns."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        inner = (nn.Sequential(nn.Linear(width, channels), nn.LeakyReLU(0.1)) for width in (2, channels))
        self.net = nn.Sequential(*inner, nn.Linear(channels, heads))

    def forward(self, rows: int, columns: int) -> torch.Tensor:
        """The bias ``[heads, positions, positions]`` of a grid."""
        parameter: torch.Tensor = next(self.parameters())
        sides = [torch.arange(side, device=parameter.device) for side in (rows, columns)]
        grid = torch.cartesian_prod(*sides).to(parameter.dtype)
        distances = grid[:, None] - grid
        bias: torch.Tensor = self.net(distances.sign() * (distances.abs() + 1).log())
        return bias.movedim(-1, 0)


class Attention(nn.Module):
    """Attention over all positions of maps ``[batch, rows, columns, channels]``, added to them.

    Queries and keys have length 1 before learned factors of each channel. Queries are made of normalized input, keys
    and values of the input itself.

    Args:
        positions: ``rope`` turns queries and keys by their rows and columns, ``rel`` adds a bias of distances, and
            ``none`` does neither.
    """

    def __init__(self, channels: int, heads: int, head: int, positions: str) -> None:
        super().__init__()
        self.heads, self.positions = heads, positions
        self.norm = nn.LayerNorm(channels)
        self.to_q = nn.Linear(channels, heads * head, bias=False)
        self.to_kv = nn.Linear(channels, 2 * heads * head, bias=False)
        self.q_scale, self.k_scale = nn.Parameter(torch.ones(head)), nn.Parameter(torch.ones(head))
        self.to_out = nn.Linear(heads * head, channels, bias=False)
        if positions == "rel":
            self.spatial_rel_pos_bias = RelativeBias(channels, heads)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        rows, columns = maps.shape[1:3]
        x = maps.flatten(1, 2)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.to_q(self.norm(x)), *self.to_kv(x).chunk(2, -1))
        )
        if self.positions == "rope":
            turns = _turns(rows, columns, query.shape[-1], query.device)
            query, key = turned(query, turns), turned(key, turns)
        query, key = F.normalize(query, dim=-1) * self.q_scale, F.normalize(key, dim=-1) * self.k_scale
        bias = self.spatial_rel_pos_bias(rows, columns) if self.positions == "rel" else None
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=SCALE)
        out: torch.Tensor = self.to_out(mixed.transpose(1, 2).flatten(-2))
        return maps + out.view_as(maps)


def _turns(rows: int, columns: int, head: int, device: torch.device) -> torch.Tensor:
    """Unit complex numbers ``[positions, head / 2]``: of the column and of the row, one after the other."""
    rates = 1 / 10000 ** (torch.arange(0, head, 4, device=device).float() / head)
    row, column = torch.cartesian_prod(*(torch.arange(side, device=device) for side in (rows, columns))).unbind(1)
    angles = torch.stack([torch.outer(column, rates), torch.outer(row, rates)], -1).flatten(1)
    return torch.polar(torch.ones_like(angles), angles)


class WindowAttention(nn.Module):
    """Attention within square windows, with a learned bias for each distance in them, added to its input.

    Args:
        window: side of a window, in positions.
    """

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(channels)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.qkv, self.proj = nn.Linear(channels, 3 * channels, bias=False), nn.Linear(channels, channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        batch, rows, columns, channels = maps.shape
        side = self.window
        tiles = self.norm(maps).view(batch, rows // side, side, columns // side, side, channels).transpose(2, 3)
        query, key, value = heads_of(self.qkv(tiles.reshape(-1, side * side, channels)), self.heads)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias())
        out: torch.Tensor = self.proj(mixed.transpose(1, 2).flatten(-2))
        return maps + out.view(tiles.shape).transpose(2, 3).reshape(maps.shape)

    def bias(self) -> torch.Tensor:
        """The bias ``[heads, positions, positions]`` of a window."""
        side = torch.arange(self.window, device=self.relative_position_bias_table.device)
        grid = torch.cartesian_prod(side, side)
        distances = grid[:, None] - grid + self.window - 1
        index = distances[..., 0] * (2 * self.window - 1) + distances[..., 1]
        return self.relative_position_bias_table[index].movedim(-1, 0)


class FeedForward(nn.Sequential):
    """A normalized feed-forward network gated by GELU, added to its input."""

    def __init__(self, channels: int, factor: float) -> None:
        inner = int(factor * (2 / 3) * channels)
        super().__init__(
            nn.LayerNorm(channels),
            nn.Linear(channels, 2 * inner, bias=False),
            Gate(),
            nn.Identity(),
            nn.Linear(inner, channels, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + super().forward(x)
        return out


class Gate(nn.Module):
    """The first half of the channels times the GELU of the others."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, gates = x.chunk(2, -1)
        return values * F.gelu(gates)


class Transformer(nn.Module):
    """Transformer blocks on maps ``[batch, rows, columns, channels]``, and a last normalization.

    Args:
        blocks: a letter for each block: ``t`` attends to all positions, ``w`` within windows.
        sizes: ``heads``, ``head``, ``positions`` of :class:`Attention`, ``window`` and ``factor``.
        over_time: whether the blocks attend to the frames of each position, of which an image has one.
    """

    def __init__(self, channels: int, blocks: str, sizes: dict[str, Any], over_time: bool = False) -> None:
        super().__init__()
        self.over_time = over_time
        self.layers = nn.ModuleList()
        for letter in blocks:
            if letter == "t":
                positions = "none" if over_time else sizes["positions"]
                attention: nn.Module = Attention(channels, sizes["heads"], sizes["head"], positions)
                first: nn.Module = Positions(channels)
            elif letter == "w":
                attention, first = WindowAttention(channels, sizes["heads"], sizes["window"]), nn.Identity()
            else:
                raise ValueError(f"no block {letter!r}, only t and w")
            # The publisher's third module attends to another sequence, and is not there.
            self.layers.append(nn.Sequential(first, attention, nn.Identity(), FeedForward(channels, sizes["factor"])))
        self.norm_out = nn.LayerNorm(channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            first, attention, _, last = layer.children()
            maps = first(maps)
            # A frame attends to the frames of its own position.
            inputs = maps.flatten(0, 2)[:, None, None] if self.over_time else maps
            maps = last(attention(inputs).view_as(maps))
        out: torch.Tensor = self.norm_out(maps)
        return out


class Encoder(nn.Module):
    """Images ``[batch, 3, h, w]`` to features ``[batch, h / patch, w / patch, channels]``."""

    def __init__(self, channels: int, patch: int, blocks: str, depth: int, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.patch = patch
        pixels = 3 * patch**2
        # The publisher's first module cuts the image into patches.
        self.to_patch_emb_first_frame = nn.Sequential(
            nn.Identity(), nn.LayerNorm(pixels), nn.Linear(pixels, channels), nn.LayerNorm(channels)
        )
        self.enc_spatial_transformer = Transformer(channels, blocks, sizes)
        self.enc_temporal_transformer = Transformer(channels, "t" * depth, sizes, over_time=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = F.pixel_unshuffle(images, self.patch).movedim(1, -1)
        maps = self.enc_spatial_transformer(self.to_patch_emb_first_frame(patches))
        features: torch.Tensor = self.enc_temporal_transformer(maps)
        return features


class Decoder(nn.Module):
    """Features ``[batch, rows, columns, channels]`` to images ``[batch, 3, rows * patch, columns * patch]``."""

    def __init__(self, channels: int, patch: int, blocks: str, depth: int, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.patch = patch
        self.dec_temporal_transformer = Transformer(channels, "t" * depth, sizes, over_time=True)
        self.dec_spatial_transformer = Transformer(channels, blocks, sizes)
        self.to_pixels_first_frame = nn.Sequential(nn.Linear(channels, 3 * patch**2))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        maps = self.dec_spatial_transformer(self.dec_temporal_transformer(features))
        patches = self.to_pixels_first_frame(maps).movedim(-1, 1)
        return F.pixel_shuffle(patches, self.patch)
