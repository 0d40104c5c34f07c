"""Stacked quantizers: greedy codebooks refined from the top down, and encoded greedily."""

from __future__ import annotations

import torch

from bench.quantizers.residual import ResidualQuantizer
from bench.quantizers.vector import drawn

ROUNDS = 10


class StackedQuantizer(ResidualQuantizer):
    """SQ (Martinez et al. 2014; survey §2.2.1): the codebooks of ``rvq``, refined for the greedy search.

    Learning starts from k-means of each level's residuals, coarse to fine. A round takes the levels from the top down:
    the codewords of a level become the means of what the other levels leave of the vectors that have their code,
    then all vectors are encoded anew. The codebooks that lose least of the vectors learned from are kept.

    Attributes:
        losses: mean squared error of the vectors learned from, of the codebooks kept so far, after each round.
    """

    most_bits = 12
    losses: list[float]

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        super().fit(vectors, seed)
        sample = drawn(vectors, max(self.sizes), seed)
        best, codes = self.codewords, self.encode(sample)
        self.losses = [self._lost(sample, codes)]
        for _ in range(ROUNDS):
            for level in range(len(self.sizes)):
                moved = recentered(self.codewords[level], codes[:, level], sample - self.decode(codes))
                self.use([*self.codewords[:level], moved, *self.codewords[level + 1 :]])
                codes = self.encode(sample)
            lost = self._lost(sample, codes)
            if lost < self.losses[-1]:
                best = self.codewords
            self.losses.append(min(lost, self.losses[-1]))
        self.use(best)

    def _lost(self, vectors: torch.Tensor, codes: torch.Tensor) -> float:
        return float((vectors - self.decode(codes)).double().square().sum(1).mean())


def recentered(codewords: torch.Tensor, codes: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Codewords ``[size, dim]``, each moved by the mean of what is left ``[n, dim]`` of the vectors with its code."""
    sums = torch.zeros(codewords.shape, dtype=torch.float64).index_add_(0, codes, left.double())
    counts = torch.bincount(codes, minlength=len(codewords)).clamp(min=1)
    return codewords + (sums / counts[:, None]).float()
