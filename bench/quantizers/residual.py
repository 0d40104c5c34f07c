"""Residual quantization: each stage quantizes what the stages before left over."""

from __future__ import annotations

import faiss
import torch

from bench.quantizers.additive import AdditiveQuantizer
from bench.quantizers.base import LEARNED_BITS


class ResidualQuantizer(AdditiveQuantizer):
    """RVQ (survey §2.2), trained and encoded by faiss; greedy stage by stage, as it is defined."""

    most_bits = LEARNED_BITS

    def create(self, dim: int, seed: int) -> faiss.AdditiveQuantizer:
        level_bits = faiss.UInt64Vector()
        for bits in self.level_bits:
            level_bits.push_back(bits)
        quantizer: faiss.ResidualQuantizer = faiss.ResidualQuantizer(dim, level_bits)  # type: ignore[call-overload]
        quantizer.max_beam_size = 1
        # Not by dimensions added progressively, faiss's default: its principal components differ in the
        # last digits by the BLAS, and the codebooks that k-means makes of them differ by far more.
        quantizer.train_type = faiss.ResidualQuantizer.Train_default
        quantizer.cp.seed = seed + 1
        return quantizer

    def use(self, codewords: list[torch.Tensor]) -> None:
        """Take codewords float32 ``[size, dim]`` of each level that were learned elsewhere."""
        self.codewords = codewords
        faiss.copy_array_to_vector(torch.cat(codewords).numpy().ravel(), self.quantizer.codebooks)
        self.quantizer.is_trained = True
