"""Optimized product quantization: the rotation before the parts is learned with their codebooks."""

from __future__ import annotations

import faiss
import numpy as np
import torch

from bench.errors import BenchError
from bench.quantizers.base import LEARNED_BITS, Quantizer
from bench.quantizers.parts import PartwiseQuantizer
from bench.quantizers.product import balanced_order
from bench.quantizers.vector import VectorQuantizer, shuffled

ROUNDS = 8
ENOUGH = 64
"""Vectors for each codeword of a part while the rotation is learned."""
MOST_CODEWORDS = 64
"""Codewords of a part while the rotation is learned: more make it slow, and hardly another one."""


def learned_rotation(vectors: torch.Tensor, parts: int, codewords: int, seed: int) -> torch.Tensor:
    """The rotation ``[dim, dim]`` of non-parametric OPQ (Ge et al. 2013, §3.2), by faiss, for ``vectors @ rotation``.

    It starts with the parametric solution, the order that balances the variances of the parts, and alternates between
    codebooks under the rotation and the rotation that brings vectors nearest to their codewords.

    Raises:
        BenchError: there are fewer vectors than dimensions, with which faiss would abort the process.
    """
    dim = vectors.shape[1]
    if len(vectors) < dim:
        raise BenchError(
            f"{len(vectors)} vectors to learn a rotation of {dim} coefficients from; "
            "keep fewer coefficients, or use a dataset with more to fit on"
        )
    codewords = min(codewords, MOST_CODEWORDS)
    order = balanced_order(vectors.var(0).tolist(), parts)
    learning = faiss.OPQMatrix(dim, parts)
    quantizer = faiss.ProductQuantizer(dim, parts, codewords.bit_length() - 1)
    quantizer.cp.seed = seed + 1
    learning.pq, learning.niter = quantizer, ROUNDS
    faiss.copy_array_to_vector(np.eye(dim, dtype=np.float32)[order].ravel(), learning.A)
    sample = shuffled(vectors, max(ENOUGH * codewords, 4 * dim), seed)
    learning.train(np.ascontiguousarray(sample.numpy()))
    return torch.from_numpy(faiss.vector_to_array(learning.A).reshape(dim, dim).T.copy())


class OptimizedProductQuantizer(PartwiseQuantizer):
    """OPQ (survey §2.3.1), non-parametric: ``pq`` after a learned rotation."""

    most_bits = LEARNED_BITS

    def part(self, bits: int) -> Quantizer:
        return VectorQuantizer(bits)

    def rotated(self, vectors: torch.Tensor, seed: int) -> torch.Tensor:
        return learned_rotation(vectors, self.parts, self.sizes[0], seed)
