"""Finite scalar quantization as networks are trained with it (Mentzer et al. 2023, arXiv 2309.15505, appendix A.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

EPSILON = 1e-3
"""By how much the outer values are wider than the others."""


class FiniteScalars:
    """Channels that take a few values each; a code counts them, the first channel fastest.

    Args:
        levels: number of values of each channel, from -1 up to 1, or the value before it where the number is even.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels = tuple(levels)
        self.size = math.prod(self.levels)

    def codes(self, latents: torch.Tensor) -> torch.Tensor:
        """Codes ``[...]`` of latents ``[..., channels]``, int64."""
        latents = latents.float()
        level = torch.tensor(self.levels, dtype=torch.float32, device=latents.device)
        reach = (level - 1) * (1 + EPSILON) / 2
        shift = torch.where(level % 2 == 0, 0.5, 0.0)
        bounded = torch.tanh(latents + torch.atanh(shift / reach)) * reach - shift
        digits = bounded.round() + level // 2
        return (digits.long() * self._strides(latents)).sum(-1)

    def latents(self, codes: torch.Tensor) -> torch.Tensor:
        """Values ``[..., channels]`` of codes ``[...]``, float32."""
        level = torch.tensor(self.levels, device=codes.device)
        digits = codes[..., None] // self._strides(codes) % level
        return (digits - level // 2) / (level // 2)

    def _strides(self, like: torch.Tensor) -> torch.Tensor:
        return torch.tensor([math.prod(self.levels[:index]) for index in range(len(self.levels))], device=like.device)
