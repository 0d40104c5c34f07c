"""Vector quantization: the nearest of K codewords."""

from __future__ import annotations

from typing import Self

import faiss
import numpy as np
import torch

from bench.errors import whole_number
from bench.quantizers.base import LEARNED_BITS, Quantizer, check_enough

ITERATIONS = 12
POINTS = 256
"""Vectors per codeword that faiss' k-means looks at; it draws them where there are more."""


class VectorQuantizer(Quantizer):
    """VQ with a k-means codebook (survey §2.1, eqs. 9 and 10), trained and searched by faiss."""

    def __init__(self, bits: int) -> None:
        self.sizes = (2 ** whole_number("bits of a token", bits, 1, LEARNED_BITS),)

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits)

    @classmethod
    def holding(cls, codewords: torch.Tensor) -> Self:
        """A quantizer of float32 codewords ``[codes, dim]``, of any number, that were learned elsewhere."""
        made = cls.__new__(cls)
        made.sizes = (len(codewords),)
        made.use(codewords)
        return made

    @staticmethod
    def learned(
        vectors: torch.Tensor, codes: int, seed: int, iterations: int = ITERATIONS, start: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Codewords float32 ``[codes, dim]`` that k-means learns from vectors ``[n, dim]``, at least one per code.

        It starts from the codewords ``start``, or from vectors that it draws.
        """
        kmeans = faiss.Kmeans(
            vectors.shape[1],
            codes,
            niter=iterations,
            seed=seed + 1,
            min_points_per_centroid=1,
            max_points_per_centroid=POINTS,
        )
        kmeans.train(vectors.numpy(), init_centroids=None if start is None else start.numpy())
        return torch.from_numpy(np.array(kmeans.centroids, np.float32))

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        check_enough(vectors, self.sizes[0])
        self.use(self.learned(vectors, self.sizes[0], seed))

    def use(self, codewords: torch.Tensor) -> None:
        """Take float32 codewords ``[codes, dim]`` that were learned elsewhere."""
        self.codewords = codewords
        self.index = faiss.IndexFlatL2(codewords.shape[1])
        self.index.add(codewords.numpy())

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        _, nearest = self.index.search(np.ascontiguousarray(vectors.cpu().numpy()), 1)
        return torch.from_numpy(nearest.astype(np.int64))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return self.codewords[codes[:, 0]]


def drawn(vectors: torch.Tensor, codewords: int, seed: int) -> torch.Tensor:
    """The vectors ``[n, dim]`` in an order drawn by the seed, no more than so many codewords are learned from."""
    return shuffled(vectors, POINTS * codewords, seed)


def shuffled(vectors: torch.Tensor, most: int, seed: int) -> torch.Tensor:
    """The vectors ``[n, dim]`` in an order drawn by the seed, the first ``most`` of them."""
    return vectors[torch.randperm(len(vectors), generator=torch.Generator().manual_seed(seed))[:most]]


def recentered(codewords: torch.Tensor, codes: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Codewords ``[size, dim]``, each moved by the mean of what is left ``[n, dim]`` of the vectors with its code."""
    sums = torch.zeros(codewords.shape, dtype=torch.float64).index_add_(0, codes, left.double())
    counts = torch.bincount(codes, minlength=len(codewords)).clamp(min=1)
    return codewords + (sums / counts[:, None]).float()


def mean_loss(left: torch.Tensor) -> float:
    """Mean squared length of what is left ``[n, dim]`` of vectors."""
    return float(left.double().square().sum(1).mean())
