"""Finite scalar quantization between two projections (Mentzer et al. 2023, arXiv 2309.15505)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

EPSILON = 1e-3
"""By how much the outermost values lie within the range of the quantizer."""


class Scalars(nn.Module):
    """Vectors to codes and back: a few projected numbers, each rounded to a few values. The first counts least.

    Args:
        width: channels of the vectors.
        levels: values of each number; an even count of them lies around a half, so that 0 is one of them.
    """

    def __init__(self, width: int, levels: Sequence[int]) -> None:
        super().__init__()
        self.project_in, self.project_out = nn.Linear(width, len(levels)), nn.Linear(len(levels), width)
        self.levels = tuple(levels)

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Codes ``[batch, count]`` of vectors ``[batch, count, width]``."""
        numbers = self.project_in(vectors).float()
        levels = torch.tensor(self.levels, device=numbers.device)
        reach = (levels - 1) * (1 + EPSILON) / 2
        shift = torch.where(levels % 2 == 0, 0.5, 0.0)  # an even number of values lies around a half
        digits = ((numbers + (shift / reach).atanh()).tanh() * reach - shift).round() + levels // 2
        codes: torch.Tensor = (digits.long() * self._places(numbers.device)).sum(-1)
        return codes

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Vectors of codes."""
        levels = torch.tensor(self.levels, device=codes.device)
        middle = levels // 2
        digits = codes[..., None] // self._places(codes.device) % levels
        vectors: torch.Tensor = self.project_out(((digits - middle) / middle).to(self.project_out.weight.dtype))
        return vectors

    def _places(self, device: torch.device) -> torch.Tensor:
        places = [math.prod(self.levels[:index]) for index in range(len(self.levels))]
        return torch.tensor(places, device=device)
