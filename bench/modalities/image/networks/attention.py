"""Attention of vision transformers whose queries, keys and values come from one projection."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Attention of all tokens ``[batch, tokens, channels]`` to each other; tensors have the names of timm.

    Args:
        channels: of a token.
        heads: that the channels are divided among.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor, turn: Callable[[torch.Tensor], torch.Tensor] | None = None) -> torch.Tensor:
        """The tokens that attention makes of tokens.

        Args:
            turn: what becomes of queries, and of keys, ``[batch, heads, tokens, head]``; None if they stay as they are.
        """
        query, key, value = heads_of(self.qkv(x), self.heads)
        if turn is not None:
            query, key = turn(query), turn(key)
        mixed: torch.Tensor = F.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


def heads_of(projected: torch.Tensor, heads: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values, ``[batch, heads, tokens, head]`` each.

    Args:
        projected: all queries, then all keys, then all values of each token, ``[batch, tokens, 3 * heads * head]``.
    """
    query, key, value = projected.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return query, key, value


def turned(vectors: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Queries or keys ``[batch, heads, tokens, head]`` whose pairs of neighboring channels are turned in the plane.

    Args:
        turns: unit complex numbers ``[tokens, head / 2]``, or ``[heads, tokens, head / 2]``.
    """
    pairs = torch.view_as_complex(vectors.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turns).flatten(-2).to(vectors.dtype)
