"""Codewords that begin where the latents are."""

from __future__ import annotations

import torch

from bench.quantizers.base import check_enough
from bench.quantizers.remedies.base import Remedy
from bench.quantizers.vector import VectorQuantizer


class KMeansStart(Remedy):
    """K-means of the untrained encoder's latents gives the first codewords (Łańcucki et al. 2020, arXiv 2005.08520)."""

    def start(self, weight: torch.Tensor, vectors: torch.Tensor, generator: torch.Generator) -> None:
        weight.copy_(means(vectors, self.size, generator))


def means(vectors: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """The means of ``size`` clusters of vectors ``[n, dim]``, ``[size, dim]``.

    Raises:
        BenchError: there are fewer vectors.
    """
    check_enough(vectors, size)
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    return VectorQuantizer.learned(vectors.cpu().float(), size, seed)
