"""Bottlenecks without learned codewords: each of a few projected coordinates takes one of its fixed values."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from itertools import accumulate
from operator import mul

import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import number_from_zero
from bench.quantizers.estimators.base import straight_through
from bench.quantizers.trained.base import Bottleneck, Coded


class ImplicitBottleneck(Bottleneck):
    """A linear map to a few coordinates, each of them to the nearest of its values, and a linear map back.

    The encoder gets its gradient straight through. A code is the number whose digits are those of the coordinates, the
    first the lowest.

    Args:
        width: dimensions of a latent.
        levels: number of values of each coordinate.
        commitment: weight of the mean squared distance of coordinates to their values, as a loss.

    Attributes:
        into: the map to coordinates.
        back: the map back.
        levels: number of values of each coordinate, int64 ``[coordinates]``.
    """

    levels: torch.Tensor
    _strides: torch.Tensor

    def __init__(self, width: int, levels: Sequence[int], commitment: float) -> None:
        super().__init__(width)
        self.commitment = number_from_zero("commitment", commitment)
        self.sizes = (math.prod(levels),)
        self.into, self.back = nn.Linear(width, len(levels)), nn.Linear(len(levels), width)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        strides = torch.tensor([1, *accumulate(levels[:-1], mul)])
        self.register_buffer("_strides", strides, persistent=False)

    @abstractmethod
    def bounded(self, projected: torch.Tensor) -> torch.Tensor:
        """Coordinates ``[..., coordinates]`` as they are quantized, of projected ones."""

    @abstractmethod
    def digits(self, bounded: torch.Tensor) -> torch.Tensor:
        """Which value each coordinate has, counted from zero, int64."""

    @abstractmethod
    def values(self, digits: torch.Tensor) -> torch.Tensor:
        """The values of digits, as near to the bounded coordinates as can be."""

    def penalty(self, bounded: torch.Tensor) -> torch.Tensor:
        """A further loss of coordinates ``[batch, *grid, coordinates]``, a scalar."""
        return bounded.new_zeros(())

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        bounded = self.bounded(self.into(latents))
        digits = self.digits(bounded.detach())
        values = self.values(digits)
        distance = F.mse_loss(bounded, values)
        return Coded(
            self.back(straight_through(values, bounded)),
            (self._codes(digits),),
            self.commitment * distance + self.penalty(bounded),
            distance.detach(),
        )

    @torch.no_grad()
    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self._codes(self.digits(self.bounded(self.into(latents)))),)

    @torch.no_grad()
    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        digits = codes[0][..., None].div(self._strides, rounding_mode="floor") % self.levels
        latents: torch.Tensor = self.back(self.values(digits))
        return latents

    def _codes(self, digits: torch.Tensor) -> torch.Tensor:
        return (digits * self._strides).sum(-1)
