"""Codebooks that are frozen behind a linear layer that is learned."""

from __future__ import annotations

import torch
from torch import nn

from bench.quantizers.remedies.base import Remedy
from bench.quantizers.remedies.kmeans_start import means


class SimVQ(Remedy):
    """A frozen random codebook times a learned matrix (SimVQ, Zhu et al. 2024, arXiv 2411.02038).

    A step on the matrix moves every codeword, used or not. Codewords are drawn from N(0, 1/dim), and the linear layer
    has a bias, as in the authors' code.

    Args:
        size: number of codewords.
        dim: dimensions of the vectors.
    """

    averages = False
    learned = False

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.layer = nn.Linear(dim, dim)

    def start(self, weight: torch.Tensor, vectors: torch.Tensor, generator: torch.Generator) -> None:
        weight.copy_(torch.randn(weight.shape, generator=generator) * self.dim**-0.5)

    def codewords(self, weight: torch.Tensor) -> torch.Tensor:
        codewords: torch.Tensor = self.layer(weight)
        return codewords


class VQGANLC(SimVQ):
    """A frozen codebook of cluster means behind a learned projector (VQGAN-LC, Zhu et al. 2024, arXiv 2406.11837).

    The authors cluster the features that a pretrained CLIP gives of patches. Nothing pretrained is at hand here: the
    latents of the untrained encoder are clustered in their place, so that only the frozen means and the projector are
    those of the paper. The projector begins normal with a variance of 1/dim, as in the authors' code.

    Args:
        size: number of codewords.
        dim: dimensions of the vectors.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        nn.init.normal_(self.layer.weight, std=dim**-0.5)

    def start(self, weight: torch.Tensor, vectors: torch.Tensor, generator: torch.Generator) -> None:
        weight.copy_(means(vectors, self.size, generator))
