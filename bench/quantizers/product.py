"""Product quantization: disjoint sub-vectors, one codebook each."""

from __future__ import annotations

from typing import Self

import faiss
import numpy as np
import torch

from bench.errors import BenchError
from bench.quantizers.base import Quantizer, bits_a_level, check_enough


class ProductQuantizer(Quantizer):
    """PQ (survey §2.3, eq. 14), trained and encoded by faiss.

    The coefficients arrive in descending variance, so consecutive ones would leave the last codebook
    nothing to say. They are dealt out so that the products of variances balance, the parametric
    solution of Optimized Product Quantization for decorrelated data (Ge et al. 2013, §3.3).
    """

    def __init__(self, bits: int, levels: int) -> None:
        self.level_bits = bits_a_level(bits, levels)
        self.sizes = (2**self.level_bits,) * levels
        self.parts = levels

    def check(self, dim: int) -> None:
        check_parts(dim, self.parts)

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits, levels)

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        levels, dim = len(self.sizes), vectors.shape[1]
        self.check(dim)
        check_enough(vectors, self.sizes[0])
        self.order = torch.tensor(balanced_order(vectors.var(0).tolist(), levels))
        quantizer = faiss.ProductQuantizer(dim, levels, self.level_bits)
        quantizer.cp.seed = seed + 1
        quantizer.train(np.ascontiguousarray(vectors[:, self.order].numpy()))
        self.quantizer = quantizer
        flat = faiss.vector_to_array(quantizer.centroids)
        self.codewords = torch.from_numpy(flat.reshape(levels, self.sizes[0], dim // levels).copy())

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        packed = self.quantizer.compute_codes(np.ascontiguousarray(vectors.cpu()[:, self.order].numpy()))
        codes = faiss.unpack_bitstrings(packed, len(self.sizes), self.level_bits)
        return torch.from_numpy(codes.astype(np.int64))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        parts = [book[codes[:, level]] for level, book in enumerate(self.codewords)]
        vectors = torch.empty(len(codes), len(self.order))
        vectors[:, self.order] = torch.cat(parts, dim=1)
        return vectors


def check_parts(dim: int, parts: int) -> None:
    """Raise BenchError unless ``dim`` coefficients divide into so many parts of equal dimension."""
    if dim % parts:
        raise BenchError(f"product quantization of {dim} coefficients into {parts} equal parts: choose divisors")


def balanced_order(variances: list[float], parts: int) -> list[int]:
    """Indices of the coefficients, part by part: parts are equal in size and balanced in the product of variances."""
    room = len(variances) // parts
    members: list[list[int]] = [[] for _ in range(parts)]
    logs = [0.0] * parts
    for index, variance in enumerate(variances):
        part = min((p for p in range(parts) if len(members[p]) < room), key=lambda p: logs[p])
        members[part].append(index)
        logs[part] += float(np.log(max(variance, 1e-12)))
    return [index for part in members for index in part]
