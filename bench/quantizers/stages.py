"""Residual quantizers that learn the codebook of each level in a way of their own."""

from __future__ import annotations

from abc import abstractmethod

import torch

from bench.quantizers.base import check_enough
from bench.quantizers.residual import ResidualQuantizer
from bench.quantizers.vector import VectorQuantizer


class StagewiseQuantizer(ResidualQuantizer):
    """A residual quantizer whose codebooks are learned one after the other, each from what the ones before leave."""

    most_bits = 12
    beam = 1
    """Sums of each level that go on to the next when a vector is encoded."""

    @abstractmethod
    def stage(self, rest: torch.Tensor, size: int, seed: int) -> torch.Tensor:
        """A codebook float32 ``[size, dim]`` learned from vectors ``[n, dim]``."""

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        check_enough(vectors, max(self.sizes))
        codewords: list[torch.Tensor] = []
        rest = vectors
        for size in self.sizes:
            book = VectorQuantizer.holding(self.stage(rest, size, seed))
            codewords.append(book.codewords)
            rest = rest - book.decode(book.encode(rest))
        self.quantizer = self.create(vectors.shape[1], seed)
        self.widen(self.beam)
        self.use(codewords)
