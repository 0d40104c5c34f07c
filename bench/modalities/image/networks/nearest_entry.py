"""Vector quantization to the nearest entry of a codebook."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class NearestEntry(nn.Module):
    """A codebook, ``embedding``, whose code for a vector is the nearest entry. Distances are computed in float32.

    Args:
        normalized: whether vectors are compared with entries, and codes decoded to them, at length 1.
    """

    def __init__(self, entries: int, channels: int, normalized: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(entries, channels)
        self.normalized = normalized

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.embedding.num_embeddings

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Codes int64 ``[...]`` of vectors ``[..., channels]``."""
        vectors, entries = vectors.float(), self.embedding.weight.float()
        if self.normalized:
            vectors, entries = F.normalize(vectors, dim=-1), F.normalize(entries, dim=-1)
        return nearest(vectors, entries)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Vectors ``[..., channels]`` of codes int64 ``[...]``."""
        vectors: torch.Tensor = self.embedding(codes)
        return F.normalize(vectors, dim=-1) if self.normalized else vectors


def nearest(vectors: torch.Tensor, entries: torch.Tensor) -> torch.Tensor:
    """The index int64 ``[...]`` of the entry nearest to each vector, by distances in float32 whatever the dtype.

    Args:
        vectors: ``[..., channels]``.
        entries: ``[entries, channels]``.
    """
    vectors, entries = vectors.float(), entries.float()
    # Squared distances without the part that all entries share.
    return (entries.square().sum(1) - 2 * vectors @ entries.T).argmin(-1)
