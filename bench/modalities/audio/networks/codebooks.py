"""Codebooks of published codecs: their entries, and the nearest of them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def nearest(vectors: torch.Tensor, entries: torch.Tensor) -> torch.Tensor:
    """Index ``[...]`` of the entry of ``[count, width]`` nearest to each vector of ``[..., width]``.

    Distances are computed as publishers do, from squares and products, so that rounding decides as it does there. Of
    equal ones the first is taken.
    """
    squares = vectors.square().sum(-1, keepdim=True) + entries.square().sum(1)
    return (squares - 2 * vectors @ entries.T).argmin(-1)


class Entries(nn.Module):
    """The entries ``[count, width]`` of a codebook.

    Not ``torch.nn.Embedding``: that one draws its weight at random, which takes seconds of imports for a model
    without memory.
    """

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, width))

    @property
    def count(self) -> int:
        """Number of entries."""
        return len(self.weight)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """The entries ``[..., width]`` of codes ``[...]``."""
        return F.embedding(codes, self.weight)
