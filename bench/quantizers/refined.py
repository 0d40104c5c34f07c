"""Residual quantization whose codebooks are refined together once all of them are there."""

from __future__ import annotations

import torch

from bench.quantizers.beam import BeamResidualQuantizer
from bench.quantizers.vector import drawn

ROUNDS = 6
DAMPING = 1e-3
"""Added to the number of vectors of each codeword: one without any stays where it is, and so does what vectors cannot
decide, as whether one codebook moves by what the next one moves back."""


class RefinedResidualQuantizer(BeamResidualQuantizer):
    """ERVQ (Ai et al. 2017; survey §2.2.1): every codebook is refined given the codes of all the others.

    Learning starts from the codebooks of ``rvq-beam`` and alternates between beam search for the codes and least
    squares for the codewords of all levels at once, which ERVQ approaches one level after the other. The codebooks
    that lose least of the vectors learned from are kept.
    """

    most_bits = 10
    """Most bits of a level: the least squares have an unknown for each codeword of all levels."""

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        super().fit(vectors, seed)
        sample = drawn(vectors, max(self.sizes), seed)
        best, least = self.codewords, float("inf")
        for _ in range(ROUNDS):
            codes = self.encode(sample)
            lost = float((sample - self.decode(codes)).double().square().sum())
            if lost >= least:
                break
            best, least = self.codewords, lost
            self.use(refined(self.codewords, codes, sample))
        self.use(best)


def refined(codewords: list[torch.Tensor], codes: torch.Tensor, vectors: torch.Tensor) -> list[torch.Tensor]:
    """Codewords ``[size, dim]`` of each level that lose least of vectors ``[n, dim]`` with codes ``[n, levels]``."""
    sizes = [len(book) for book in codewords]
    total = sum(sizes)
    rows = codes + torch.tensor([0, *sizes[:-1]]).cumsum(0)
    old = torch.cat(codewords).double()
    together = torch.zeros(total * total, dtype=torch.float64)
    for one in rows.T:
        for other in rows.T:
            together += torch.bincount(one * total + other, minlength=total * total)
    together = together.view(total, total)
    together.diagonal().add_(DAMPING)
    left, pull = vectors.double() - old[rows].sum(1), torch.zeros_like(old)
    for one in rows.T:
        pull.index_add_(0, one, left)
    new = old + torch.cholesky_solve(pull, torch.linalg.cholesky(together))
    return list(new.float().split(sizes))
