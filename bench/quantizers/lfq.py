"""Lookup-free quantization: the signs of the coefficients are the code."""

from __future__ import annotations

from typing import Self

import torch

from bench.errors import whole_number
from bench.quantizers.base import INDEX_BITS, Quantizer


class LookupFreeQuantizer(Quantizer):
    """LFQ (survey §2.6, eqs. 17 to 19): ``sign(z_i)`` of the first coefficients, zero counting as -1.

    The index is Σ 2^(i-1)·[z_i > 0] (eq. 19). LFQ leaves decoding to a learned network; here a
    coefficient is decoded to its mean given its sign, and those not coded to zero.
    """

    def __init__(self, bits: int) -> None:
        self.bits = self.coded = whole_number("bits of a token", bits, 1, INDEX_BITS)
        self.sizes = (2**bits,)

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits)

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        self.dim = vectors.shape[1]
        coded = vectors[:, : self.bits].double()
        positive = coded > 0
        means = [(coded * mask).sum(0) / mask.sum(0).clamp(min=1) for mask in (~positive, positive)]
        self.means = torch.stack(means).float()

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        return binary_index(vectors[:, : self.bits] > 0)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        vectors = torch.zeros(len(codes), self.dim)
        vectors[:, : self.bits] = torch.where(binary_digits(codes, self.bits), self.means[1], self.means[0])
        return vectors


def binary_index(positive: torch.Tensor) -> torch.Tensor:
    """Index int64 ``[n, 1]`` of the signs bool ``[n, bits]``: the first coefficient is the lowest bit (eqs. 19, 20)."""
    weights = 2 ** torch.arange(positive.shape[1], device=positive.device)
    return (positive * weights).sum(1, keepdim=True)


def binary_digits(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """The signs bool ``[n, bits]`` of an index int64 ``[n, 1]``."""
    return (codes.cpu() >> torch.arange(bits)) % 2 == 1
