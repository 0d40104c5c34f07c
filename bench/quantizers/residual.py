"""Residual quantization: each stage quantizes what the stages before left over."""

from __future__ import annotations

import math
from collections.abc import Callable

import faiss
import torch

from bench.quantizers.additive import AdditiveQuantizer
from bench.quantizers.base import LEARNED_BITS
from bench.quantizers.vector import drawn, mean_loss

Relearn = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Learns a codebook ``[size, dim]`` anew, from what it is, the codes ``[n]`` and what is left of the vectors."""


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

    def widen(self, paths: int) -> None:
        """Encode along several paths: the best ``paths`` sums of each level go on to the next."""
        assert isinstance(self.quantizer, faiss.ResidualQuantizer)
        # faiss 1.15.1 mistakes which sums belong to a vector where it keeps more of them than there are.
        self.quantizer.max_beam_size = min(paths, math.prod(self.sizes))

    def learn_again(self, vectors: torch.Tensor, seed: int, rounds: int, relearn: Relearn) -> list[float]:
        """Learn level by level given the codes of all the others, and keep the codebooks that lose least.

        Args:
            vectors: what is learned from, ``[n, dim]``; a sample of it is drawn by the seed.
            rounds: how often every level has its turn; all vectors are encoded anew after each.

        Returns:
            The mean squared error of the sample, of the codebooks kept so far, before and after each round.
        """
        sample = drawn(vectors, max(self.sizes), seed)
        codes = self.encode(sample)
        best, left = self.codewords, sample - self.decode(codes)
        losses = [mean_loss(left)]
        for _ in range(rounds):
            for level, own in enumerate(self.codewords):
                learned = relearn(own, codes[:, level], left)
                self.use([*self.codewords[:level], learned, *self.codewords[level + 1 :]])
                codes = self.encode(sample)
                left = sample - self.decode(codes)
            lost = mean_loss(left)
            if lost < losses[-1]:
                best = self.codewords
            losses.append(min(lost, losses[-1]))
        self.use(best)
        return losses
