"""Rotated vectors cut into parts of equal dimension, each with a quantizer of its own."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import torch

from bench.quantizers.base import Quantizer, bits_a_level, check_enough
from bench.quantizers.product import balanced_order, check_parts


class PartwiseQuantizer(Quantizer):
    """What product quantizers have in common whose parts have more than one codebook, or are cut after a rotation.

    Attributes:
        quantizers: one for each part.
        rotation: ``[dim, dim]``, orthonormal; the parts are cut from ``vectors @ rotation``. Set by ``fit``.
    """

    most_bits: int
    rotation: torch.Tensor

    def __init__(self, bits: int, levels: int) -> None:
        bits_of_part = bits_a_level(bits, levels, self.most_bits)
        self.parts = levels
        self.quantizers = [self.part(bits_of_part) for _ in range(levels)]
        self.sizes = tuple(size for quantizer in self.quantizers for size in quantizer.sizes)

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits, levels)

    @abstractmethod
    def part(self, bits: int) -> Quantizer:
        """A quantizer of one part."""

    def rotated(self, vectors: torch.Tensor, seed: int) -> torch.Tensor:
        """The rotation ``[dim, dim]``: here the order that balances the variances of the parts, as ``pq`` has it."""
        return torch.eye(vectors.shape[1])[:, balanced_order(vectors.var(0).tolist(), self.parts)]

    def check(self, dim: int) -> None:
        check_parts(dim, self.parts)

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        self.check(vectors.shape[1])
        check_enough(vectors, max(self.sizes))
        self.rotation = self.rotated(vectors, seed)
        for quantizer, part in zip(self.quantizers, self.cut(vectors), strict=True):
            quantizer.fit(part, seed)

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        cut = self.cut(vectors.cpu())
        return torch.cat([quantizer.encode(part) for quantizer, part in zip(self.quantizers, cut, strict=True)], 1)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        parts = [quantizer.decode(code) for quantizer, code in zip(self.quantizers, self.split(codes), strict=True)]
        return torch.cat(parts, 1) @ self.rotation.T

    def split(self, codes: torch.Tensor) -> list[torch.Tensor]:
        """Codes ``[n, levels of the part]`` of each part, of codes ``[n, levels]``."""
        return list(codes.split([len(quantizer.sizes) for quantizer in self.quantizers], 1))

    def cut(self, vectors: torch.Tensor) -> list[torch.Tensor]:
        """The parts ``[n, dim/parts]`` of the rotated vectors."""
        # In float64, where the order of a sum, which depends on the number of vectors, hardly changes the result.
        turned = (vectors.double() @ self.rotation.double()).float()
        return [part.contiguous() for part in turned.chunk(self.parts, 1)]


def two_stages(bits: int) -> tuple[int, ...]:
    """Bits of the two codebooks of a part, the odd one for the first; of one codebook where there is one bit."""
    return (bits,) if bits == 1 else (bits - bits // 2, bits // 2)
