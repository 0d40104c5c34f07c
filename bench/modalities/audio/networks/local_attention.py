"""Transformers that see a window of frames and the one before it, as the package ``local-attention`` has them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

HEADS = 6
"""Heads of every layer, each a quarter as wide as the layer."""


class DistanceBias(nn.Module):
    """A bias of attention for each head, which a small network makes of how far a frame looks back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, HEADS)
        )

    def forward(self, window: int) -> torch.Tensor:
        """Biases ``[heads, window, 2 window]`` of a window's frames over those of the window before it and its own."""
        like = next(self.mlp.parameters())
        biases: torch.Tensor = self.mlp(torch.arange(2 * window, device=like.device, dtype=like.dtype)[:, None])
        return biases[_backward(window, like.device).abs()].permute(2, 0, 1)


class Attention(nn.Module):
    """Causal attention within windows, each of which sees the one before it as well."""

    def __init__(self, width: int, window: int) -> None:
        super().__init__()
        inner = HEADS * (width // 4)
        self.window = window
        self.norm = nn.LayerNorm(width)
        self.to_qkv, self.to_out = nn.Linear(width, 3 * inner, bias=False), nn.Linear(inner, width, bias=False)

    def forward(self, x: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
        """``[batch, frames, width]`` to the same shape; frames are whole windows."""
        batch, frames, _ = x.shape
        windows = frames // self.window
        split = (
            part.unflatten(2, (HEADS, -1)).unflatten(1, (windows, -1)) for part in self.to_qkv(self.norm(x)).chunk(3, 2)
        )
        query, key, value = (part.permute(0, 3, 1, 2, 4) for part in split)
        key, value = (torch.cat((F.pad(part, (0, 0, 0, 0, 1, 0))[:, :, :-1], part), 3) for part in (key, value))
        future = _backward(self.window, x.device) < 0
        missing = torch.arange(2 * self.window, device=x.device) < self.window
        first, others = (biases.masked_fill(mask, -torch.inf)[:, None] for mask in (future | missing, future))
        mask = torch.cat((first, others.expand(-1, windows - 1, -1, -1)), 1)
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
        out: torch.Tensor = self.to_out(mixed.permute(0, 2, 3, 1, 4).reshape(batch, frames, -1))
        return out


class Gated(nn.Module):
    """Half of the channels, each times the activation of one of the other half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, gates = x.chunk(2, -1)
        return values * F.gelu(gates)


def gated_network(width: int) -> nn.Sequential:
    """The layers over channels that follow attention."""
    inner = int(width * 4 * 2 / 3)
    dropout = nn.Identity()  # in training alone
    first, last = nn.Linear(width, 2 * inner, bias=False), nn.Linear(inner, width, bias=False)
    return nn.Sequential(nn.LayerNorm(width), first, Gated(), dropout, last)


class LocalTransformer(nn.Module):
    """Layers of local attention and of gated networks, each added to its input.

    Args:
        width: channels.
        depth: number of layers.
        window: frames of a window.
    """

    def __init__(self, width: int, depth: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.dynamic_pos_bias = DistanceBias(width // 2)
        self.layers = nn.ModuleList(
            nn.ModuleList((Attention(width, window), gated_network(width))) for _ in range(depth)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, frames, width]`` to the same shape; frames are whole windows."""
        biases = self.dynamic_pos_bias(self.window)
        for layer in self.layers:
            attention, network = layer.children()
            x = x + attention(x, biases)
            x = x + network(x)
        return x


def _backward(window: int, device: torch.device) -> torch.Tensor:
    """How many frames a window's frames ``[window, 1]`` look back to those of both windows; negative ahead."""
    own, seen = torch.arange(window, 2 * window, device=device), torch.arange(2 * window, device=device)
    return own[:, None] - seen
