"""Additive quantization: a sum of codewords from full-dimensional codebooks, chosen jointly."""

from __future__ import annotations

from typing import Self

import faiss
import numpy as np
import torch

from bench.quantizers.base import Quantizer, bits_a_level, check_enough


class AdditiveQuantizer(Quantizer):
    """AQ (survey §2.4) by local search, LSQ++ (Martinez et al. 2018), trained and encoded by faiss.

    Args:
        level_bits: bits of each level's codebook; local search wants them equal.
    """

    most_bits = 12
    """Most bits of a level: local search weighs each codeword against each of every other level, 4ᵇ of them."""

    def __init__(self, level_bits: tuple[int, ...]) -> None:
        self.level_bits = level_bits
        self.sizes = tuple(2**bits for bits in level_bits)

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls((bits_a_level(bits, levels, cls.most_bits),) * levels)

    def create(self, dim: int, seed: int) -> faiss.AdditiveQuantizer:
        """The quantizer of faiss, which is all that the residual family replaces."""
        quantizer = faiss.LocalSearchQuantizer(dim, len(self.sizes), self.level_bits[0])
        quantizer.random_seed = seed + 1
        return quantizer

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        check_enough(vectors, max(self.sizes))
        self.quantizer = self.create(vectors.shape[1], seed)
        self.quantizer.train(np.ascontiguousarray(vectors.numpy()))
        flat = torch.from_numpy(faiss.vector_to_array(self.quantizer.codebooks).copy())
        self.codewords = list(flat.view(sum(self.sizes), -1).split(self.sizes))

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        packed = self.quantizer.compute_codes(np.ascontiguousarray(vectors.cpu().numpy()))
        codes = faiss.unpack_bitstrings(packed, np.array(self.level_bits, np.int32))
        return torch.from_numpy(codes.astype(np.int64))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return torch.stack([book[codes[:, level]] for level, book in enumerate(self.codewords)]).sum(0)
