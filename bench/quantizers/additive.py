"""Additive quantization: a sum of codewords from full-dimensional codebooks, chosen jointly."""

from __future__ import annotations

from typing import Self

import faiss
import numpy as np
import torch

from bench.quantizers.base import Quantizer, bits_a_level, check_enough


class AdditiveQuantizer(Quantizer):
    """AQ (survey §2.4) by local search, LSQ++ (Martinez et al. 2018), trained and encoded by faiss."""

    most_bits = 12
    """Most bits of a level: local search weighs each codeword against each of every other level, 4ᵇ of them."""

    def __init__(self, bits: int, levels: int) -> None:
        self.level_bits = bits_a_level(bits, levels, self.most_bits)
        self.sizes = (2**self.level_bits,) * levels

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits, levels)

    def create(self, dim: int, seed: int) -> faiss.AdditiveQuantizer:
        """The quantizer of faiss, which is all that the residual family replaces."""
        quantizer = faiss.LocalSearchQuantizer(dim, len(self.sizes), self.level_bits)
        quantizer.random_seed = seed + 1
        return quantizer

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        check_enough(vectors, self.sizes[0])
        self.quantizer = self.create(vectors.shape[1], seed)
        self.quantizer.train(vectors.numpy())
        flat = faiss.vector_to_array(self.quantizer.codebooks)
        self.codewords = torch.from_numpy(flat.reshape(len(self.sizes), self.sizes[0], -1).copy())

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        packed = self.quantizer.compute_codes(np.ascontiguousarray(vectors.cpu().numpy()))
        codes = faiss.unpack_bitstrings(packed, len(self.sizes), self.level_bits)
        return torch.from_numpy(codes.astype(np.int64))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return torch.stack([book[codes[:, level]] for level, book in enumerate(self.codewords)]).sum(0)
