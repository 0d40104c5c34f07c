"""Improved and generalized residual quantization: k-means begins in few dimensions and goes on in more."""

from __future__ import annotations

import torch

from bench.quantizers.beam import BEAM
from bench.quantizers.decorrelation import klt
from bench.quantizers.stages import StagewiseQuantizer
from bench.quantizers.vector import VectorQuantizer, recentered

STEPS = 4
"""Numbers of dimensions, each twice the one before and the last all of them."""
ROUNDS = 5


class ProgressiveResidualQuantizer(StagewiseQuantizer):
    """IRVQ (Liu et al. 2015; survey §2.2.1): codebooks warm-started by dimensions, and the encoding of ``rvq-beam``."""

    beam = BEAM

    def stage(self, rest: torch.Tensor, size: int, seed: int) -> torch.Tensor:
        return progressive_codewords(rest, size, seed)


class GeneralizedResidualQuantizer(ProgressiveResidualQuantizer):
    """GRVQ (Liu et al. 2017; survey §2.2.1): the codebooks of ``irvq``, each learned again given all the others.

    In a round, the codebook of each level goes through few and more dimensions once more, from what it is (transition
    clustering), to stand for what the other levels leave, and all vectors are encoded anew along sixteen paths. The
    codebooks that lose least of the vectors learned from are kept. ``ervq`` does so for all levels at once, by
    least squares.

    Attributes:
        losses: mean squared error of the vectors learned from, of the codebooks kept so far, after each round.
    """

    losses: list[float]

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        def moved(own: torch.Tensor, codes: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
            return progressive_codewords(left + own[codes], len(own), seed, own)

        super().fit(vectors, seed)
        self.losses = self.learn_again(vectors, seed, ROUNDS, moved)


def progressive_codewords(
    vectors: torch.Tensor, size: int, seed: int, start: torch.Tensor | None = None
) -> torch.Tensor:
    """Codewords float32 ``[size, dim]`` of vectors ``[n, dim]``, learned by k-means in more and more dimensions.

    These are principal components, by descending variance. The codewords start, where dimensions are added, from
    what they were and, in the new dimensions, the means of the vectors nearest to them, which spreads the vectors
    among them more evenly than codewords drawn in all dimensions do. In the fewest dimensions they start from the
    codewords ``start`` ``[size, dim]``, or from vectors that are drawn.
    """
    mean, basis = klt(vectors)
    turned = (vectors - mean) @ basis
    codewords: torch.Tensor | None = None
    for dim in sorted({max(1, vectors.shape[1] >> step) for step in range(STEPS)}):
        part = turned[:, :dim].contiguous()
        if codewords is not None:
            codewords = _extended(codewords, part)
        elif start is not None:
            codewords = ((start - mean) @ basis)[:, :dim].contiguous()
        codewords = VectorQuantizer.learned(part, size, seed, start=codewords)
    assert codewords is not None
    return codewords @ basis.T + mean


def _extended(codewords: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Codewords ``[size, few]`` with the means of their vectors ``[n, dim]`` in the dimensions that they lack."""
    few = codewords.shape[1]
    codes = VectorQuantizer.holding(codewords).encode(vectors[:, :few])[:, 0]
    lacking = torch.zeros(len(codewords), vectors.shape[1] - few)
    return torch.cat([codewords, recentered(lacking, codes, vectors[:, few:])], 1)
