"""Finite scalar quantization, trained: a few coordinates, each rounded."""

from __future__ import annotations

import math

import torch

from bench.errors import BenchError, whole_number
from bench.quantizers import fsq
from bench.quantizers.base import LEARNED_BITS, hyphenated
from bench.quantizers.trained.implicit import ImplicitBottleneck
from bench.quantizers.trained.learned import BITS


class TrainedFSQ(ImplicitBottleneck):
    """FSQ (Mentzer et al. 2023, arXiv 2309.15505; survey §2.5, eq. 16): no loss, no codebook.

    Args:
        width: dimensions of a latent.
        bits: bits of a token; the numbers of values are then powers of two, and their product is ``2^bits``.
        levels: numbers of values of the coordinates with a hyphen between them, such as 8-5-5-5, instead of ``bits``.
    """

    def __init__(self, width: int, bits: int = BITS, levels: str | int | None = None) -> None:
        numbers = levels_of(bits) if levels is None else hyphenated("levels", levels, "8-5-5-5")
        if min(numbers) < 3 or math.prod(numbers) > 2**LEARNED_BITS:
            raise BenchError(f"levels={levels}: each from 3 on, and their product at most 2^{LEARNED_BITS}")
        super().__init__(width, numbers, commitment=0.0)

    def bounded(self, projected: torch.Tensor) -> torch.Tensor:
        return fsq.bounded(projected, self.levels) / self._half

    def digits(self, bounded: torch.Tensor) -> torch.Tensor:
        return (bounded * self._half).round().long() + self._half

    def values(self, digits: torch.Tensor) -> torch.Tensor:
        return (digits - self._half) / self._half

    @property
    def _half(self) -> torch.Tensor:
        """What a coordinate is divided by, so that it is from -1 to 1."""
        return self.levels.div(2, rounding_mode="floor")


def levels_of(bits: int) -> tuple[int, ...]:
    """Numbers of values of the coordinates for so many bits, powers of two from 4 on.

    All coordinates have 8 values, but for one or two that have 4 where the bits are not a multiple of 3.
    The paper advises five values or more; 16 in place of 4 would leave fewer coordinates than it has for as many bits.
    """
    bits = whole_number("bits of a token", bits, 2, LEARNED_BITS)
    fours = -bits % 3
    return (8,) * ((bits - 2 * fours) // 3) + (4,) * fours
