"""What paradigms share: transformers of the transformers library, heads, embeddings of places."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from bench.backbones.base import Size

LOGITS = 1 << 25
"""Logits at most that are held at once, times two: of a codebook of 2^18 entries, those of 128 codes."""


class Trunk(nn.Module):
    """A Llama transformer (Touvron et al. 2023) of the transformers library: embeddings in, hidden states out."""

    def __init__(self, size: Size, positions: int, depth: int | None = None) -> None:
        super().__init__()
        from transformers.models.llama.configuration_llama import LlamaConfig
        from transformers.models.llama.modeling_llama import LlamaModel

        config = LlamaConfig(
            vocab_size=1,
            hidden_size=size.width,
            intermediate_size=4 * size.width,
            num_hidden_layers=size.depth if depth is None else depth,
            num_attention_heads=size.heads,
            max_position_embeddings=max(positions, 1),
            attention_dropout=size.dropout,
            bos_token_id=None,
            eos_token_id=None,
        )
        self.model = LlamaModel(config)
        # No token is looked up here: embeddings come from outside.
        self.model.embed_tokens = nn.Identity()

    def forward(self, embeddings: torch.Tensor, mask: torch.Tensor | None = None, cache: Any = None) -> torch.Tensor:
        """Hidden states ``[batch, length, width]``.

        Args:
            mask: which position sees which others, bool ``[1 or batch, 1, length, length]``; causal without one.
            cache: the cache from :meth:`cache` that holds the positions before these.
        """
        states: torch.Tensor = self.model(
            inputs_embeds=embeddings, attention_mask=mask, past_key_values=cache, use_cache=cache is not None
        ).last_hidden_state
        return states

    def cache(self) -> Any:
        """An empty key-value cache."""
        from transformers.cache_utils import DynamicCache

        return DynamicCache(config=self.model.config)


class Head(nn.Module):
    """Hidden states to logits of one codebook; zero at first, so that all codes are equally likely."""

    def __init__(self, width: int, codes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, codes, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(hidden)
        return logits

    def nats(self, hidden: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Negative log-probability of each code, ``[...]``, from hidden states ``[..., width]``.

        A large codebook's logits are computed a few positions at a time, and again for the gradient. Without
        gradients the sum is float64.
        """
        rows, targets = hidden.flatten(0, -2), codes.flatten()
        step = max(1, LOGITS // self.linear.out_features)
        parts = [
            self._part(rows[at : at + step], targets[at : at + step], recompute=len(rows) > step)
            for at in range(0, len(rows), step)
        ]
        return torch.cat(parts).view(codes.shape)

    def _part(self, rows: torch.Tensor, targets: torch.Tensor, recompute: bool) -> torch.Tensor:
        if recompute and torch.is_grad_enabled():
            cost: torch.Tensor = checkpoint(self._cost, rows, targets, use_reentrant=False)
            return cost
        return self._cost(rows, targets)

    def _cost(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = self.linear(rows)
        return F.cross_entropy(logits if torch.is_grad_enabled() else logits.double(), targets, reduction="none")


class Places(nn.Module):
    """A learned embedding of each row and each column of a grid; zero for a sequence.

    The rotary embeddings that a transformer adds of its own know distances along the raster, which is all that
    a sequence has.
    """

    def __init__(self, grid: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.grid, self.width = grid, width
        axes = grid if len(grid) > 1 else ()
        self.axes = nn.ParameterList(nn.Parameter(0.02 * torch.randn(length, width)) for length in axes)
        self.zero: torch.Tensor
        self.register_buffer("zero", torch.zeros(1), persistent=False)

    def forward(self, positions: int) -> torch.Tensor:
        """Embeddings ``[positions, width]`` of the first positions in raster order."""
        if not len(self.axes):
            return torch.zeros(positions, self.width, device=self.zero.device)
        shapes = ([-1 if axis == varying else 1 for axis in range(len(self.grid))] for varying in range(len(self.grid)))
        total = sum(table.view(*shape, self.width) for table, shape in zip(self.axes, shapes, strict=True))
        assert isinstance(total, torch.Tensor)
        return total.flatten(0, -2)[:positions]


def embedding(codes: int, width: int) -> nn.Embedding:
    """An embedding table ``[codes, width]`` of small random numbers."""
    table = nn.Embedding(codes, width)
    nn.init.normal_(table.weight, std=0.02)
    return table


def inside(lengths: torch.Tensor, positions: int) -> torch.Tensor:
    """Which positions are not padding, bool ``[batch, positions]``, from lengths ``[batch]``."""
    return torch.arange(positions, device=lengths.device) < lengths[:, None]
