"""Finite scalar quantization: a few coefficients, each rounded to a few values."""

from __future__ import annotations

import math
from typing import Self

import torch

from bench.errors import whole_number
from bench.quantizers.base import INDEX_BITS, Quantizer

EPSILON = 1e-3


def levels_of(bits: int) -> tuple[int, ...]:
    """Values per coefficient for ``bits`` per token: three bits each, the remainder on the last."""
    bits = whole_number("bits of a token", bits, 1, INDEX_BITS)
    return (8,) * (bits // 3) + ((2 ** (bits % 3),) if bits % 3 else ())


class FiniteScalarQuantizer(Quantizer):
    """FSQ (survey §2.5, eq. 16): ``round(f(z_i))`` with ``f`` a scaled tanh; one level of size ∏ L_i.

    The survey's ``f(z) = L/2·tanh(z)`` rounds to L + 1 values when L is even; as in the definition it
    cites (Mentzer et al. 2023, eq. 1 and appendix A.1) the interval is shifted by half a step there.
    The coefficients are scaled to unit variance first. FSQ leaves decoding to a learned network; here
    a coefficient is decoded to its conditional mean given its value, and those not coded to zero.
    """

    def __init__(self, levels: tuple[int, ...]) -> None:
        self.levels, self.coded = levels, len(levels)
        self.sizes = (math.prod(levels),)
        self.strides = [math.prod(levels[:index]) for index in range(len(levels))]

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(levels_of(bits))

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        self.dim = vectors.shape[1]
        coded = vectors[:, : len(self.levels)]
        self.scale = coded.std(0)
        digits = self.digits(coded)
        self.means = []
        for index, level in enumerate(self.levels):
            counts = torch.bincount(digits[:, index], minlength=level)
            sums = torch.bincount(digits[:, index], weights=coded[:, index].double(), minlength=level)
            self.means.append((sums / counts.clamp(min=1)).float())

    def digits(self, coded: torch.Tensor) -> torch.Tensor:
        """The value of each coefficient, counted from zero, int64 ``[n, coefficients]``."""
        level = torch.tensor(self.levels, dtype=coded.dtype, device=coded.device)
        digits = torch.round(bounded(coded / self.scale.to(coded), level)) + level.div(2, rounding_mode="floor")
        return torch.where(level == 2, coded > 0, digits).long()

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        digits = self.digits(vectors[:, : len(self.levels)])
        return (digits * torch.tensor(self.strides, device=digits.device)).sum(1, keepdim=True)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        vectors = torch.zeros(len(codes), self.dim)
        for index, (level, stride) in enumerate(zip(self.levels, self.strides, strict=True)):
            vectors[:, index] = self.means[index][codes[:, 0].cpu() // stride % level]
        return vectors


def bounded(values: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Values ``[..., coefficients]`` bounded to what rounds to so many whole numbers ``[coefficients]`` around zero.

    Of two numbers the shift of even ones would push zero, and all near it, to one side, so there is none: the sign
    decides.
    """
    half = (levels - 1) * (1 - EPSILON) / 2
    offset = torch.where((levels % 2 == 0) & (levels > 2), 0.5, 0.0)
    return torch.tanh(values + torch.atanh(offset / half)) * half - offset
