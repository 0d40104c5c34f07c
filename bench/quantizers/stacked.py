"""Stacked quantizers: greedy codebooks refined from the top down, and encoded greedily."""

from __future__ import annotations

import torch

from bench.quantizers.residual import ResidualQuantizer
from bench.quantizers.vector import recentered

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
        self.losses = self.learn_again(vectors, seed, ROUNDS, recentered)
