"""Variance-aware quantization: a scalar quantizer for each coefficient, of as many bits as its variance earns."""

from __future__ import annotations

import math
from typing import Self

import torch

from bench.errors import whole_number
from bench.quantizers.base import INDEX_BITS, Quantizer, check_enough
from bench.quantizers.vector import VectorQuantizer

MOST_BITS = 10
"""Most bits of one coefficient."""


class VarianceAwareQuantizer(Quantizer):
    """VAQ (Paparrizos et al. 2022; survey §2.3.2): codebooks of unequal size, by the variance of what they code.

    Each bit goes to the coefficient of which most variance is left, each taking three quarters of it: the greedy
    solution of reverse water-filling in whole bits. A coefficient's codewords are learned by k-means, and those
    without bits are decoded to zero. The indices of all coefficients together are one code, as those of ``fsq`` are,
    the first coefficient lowest. VAQ groups coefficients into subspaces; here each is one.
    """

    def __init__(self, bits: int) -> None:
        self.bits = whole_number("bits of a token", bits, 1, INDEX_BITS)
        self.coded = math.ceil(bits / MOST_BITS)
        self.sizes = (2**bits,)

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits)

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        self.dim = vectors.shape[1]
        self.allotted = allotted(vectors.double().var(0).tolist(), self.bits)
        check_enough(vectors, 2 ** max(self.allotted))
        self.quantizers = {}
        for index, bits in enumerate(self.allotted):
            if bits:
                self.quantizers[index] = VectorQuantizer(bits)
                self.quantizers[index].fit(vectors[:, index : index + 1].contiguous(), seed)

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        codes, shift = torch.zeros(len(vectors), 1, dtype=torch.int64), 0
        for index, quantizer in self.quantizers.items():
            codes += quantizer.encode(vectors[:, index : index + 1].contiguous()) << shift
            shift += self.allotted[index]
        return codes

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        vectors, shift = torch.zeros(len(codes), self.dim), 0
        for index, quantizer in self.quantizers.items():
            digits = (codes.cpu() >> shift) % quantizer.sizes[0]
            vectors[:, index] = quantizer.decode(digits)[:, 0]
            shift += self.allotted[index]
        return vectors


def allotted(variances: list[float], bits: int) -> list[int]:
    """Bits of each coefficient, ``bits`` together, that leave least of the variances if a bit leaves a quarter."""
    given = [0] * len(variances)
    for _ in range(bits):
        room = [index for index, have in enumerate(given) if have < MOST_BITS]
        given[max(room, key=lambda index: variances[index] / 4 ** given[index])] += 1
    return given
