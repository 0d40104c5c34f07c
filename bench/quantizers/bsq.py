"""Binary spherical quantization: signs after a projection to the unit sphere."""

from __future__ import annotations

import math
from typing import Self

import faiss
import numpy as np
import torch
from torch.nn import functional as F

from bench.errors import whole_number
from bench.quantizers.base import INDEX_BITS, Quantizer
from bench.quantizers.lfq import binary_digits, binary_index


class BinarySphericalQuantizer(Quantizer):
    """BSQ (survey §2.7, eq. 20): ``v = Linear(z)``, ``u = v/|v|``, ``û = sign(u)/√L``.

    The linear map of a trained BSQ is learned; here it is the rotation that brings the vectors closest
    to the corners of the cube, Iterative Quantization (Gong & Lazebnik 2011) by faiss of the leading
    coefficients, which are the principal components that it begins with, and decoding is
    the least-squares linear map from ``û`` back. The index is Σ 2^(i-1)·[v_i > 0]. The definition takes
    sign(0) as +1 but gives that corner the index of -1; index and corner agree here, at -1.
    """

    def __init__(self, bits: int) -> None:
        self.bits = self.coded = whole_number("bits of a token", bits, 1, INDEX_BITS)
        self.sizes = (2**bits,)

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits)

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        # Not ITQTransform: it finds the principal components once more, and their last digits, which the number of
        # threads and the BLAS decide, end in another rotation.
        rotation = faiss.ITQMatrix(self.bits)
        rotation.seed = seed + 1
        rotation.train(np.ascontiguousarray(vectors[:, : self.bits].numpy()))
        matrix = faiss.vector_to_array(rotation.A).reshape(self.bits, self.bits)
        self.linear = F.pad(torch.from_numpy(matrix.copy()), (0, vectors.shape[1] - self.bits))
        corners = self.corners(self.encode(vectors)).double()
        design = torch.cat([corners, torch.ones(len(corners), 1, dtype=torch.float64)], dim=1)
        self.back = torch.linalg.lstsq(design, vectors.double()).solution.float()

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        # Dividing by |v| cannot change a sign, so u itself is not needed for the index. In float64 the order of the
        # sum hardly can.
        return binary_index(vectors.double() @ self.linear.T.double() > 0)

    def corners(self, codes: torch.Tensor) -> torch.Tensor:
        """The codewords û ``[n, bits]`` on the unit sphere."""
        return (binary_digits(codes, self.bits).float() * 2 - 1) / math.sqrt(self.bits)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = self.corners(codes) @ self.back[:-1] + self.back[-1]
        return vectors
