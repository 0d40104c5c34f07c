"""Residual quantization encoded along several paths: a level may undo what looked best to the ones before."""

from __future__ import annotations

import torch

from bench.quantizers.residual import ResidualQuantizer

BEAM = 16


class BeamResidualQuantizer(ResidualQuantizer):
    """The codebooks of RVQ, encoded along several paths as IRVQ does (Liu et al. 2015; survey §2.2.1), by faiss.

    The sixteen best sums of each level go on to the next, and the best of the last level is the code. With two levels
    the result of the greedy search is among the sums that are compared last, so that no vector is coded worse than by
    ``rvq``; where the first codebook has no more than sixteen codewords every pair is tried. The codebooks are those of
    ``rvq``, learned greedily: learned from what all sixteen sums leave, as faiss would, they take sixteen times as long
    and code photographs better only from the third level on.
    """

    most_bits = 12
    """Most bits of a level: each of the sums is compared with every codeword."""

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        super().fit(vectors, seed)
        self.widen(BEAM)
