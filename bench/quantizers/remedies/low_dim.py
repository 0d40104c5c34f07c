"""Codewords of few dimensions, compared by direction."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import whole_number
from bench.quantizers.remedies.base import Remedy


class LowDim(Remedy):
    """Factorized and l2-normalized codes (ViT-VQGAN, Yu et al. 2021, arXiv 2110.04627, section 3.2).

    A learned linear layer takes vectors to few dimensions, where they and the codewords are normalized, so that the
    nearest codeword is the one of the most similar direction; another layer takes the codeword back.

    Args:
        size: number of codewords.
        dim: dimensions of the vectors.
        dims: dimensions of the codewords; half of those of the vectors if not given.
    """

    def __init__(self, size: int, dim: int, dims: int | None = None) -> None:
        super().__init__(size, dim)
        self.dim = (dim + 1) // 2 if dims is None else whole_number("dimensions of a codeword (dims)", dims, 1, dim)
        self.into, self.back = nn.Linear(dim, self.dim), nn.Linear(self.dim, dim)

    def taken(self, vectors: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.into(vectors), dim=1)

    def given(self, vectors: torch.Tensor) -> torch.Tensor:
        given: torch.Tensor = self.back(vectors)
        return given

    def codewords(self, weight: torch.Tensor) -> torch.Tensor:
        return F.normalize(weight, dim=1)
