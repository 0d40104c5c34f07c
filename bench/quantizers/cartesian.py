"""Optimized Cartesian k-means: rotation, codebooks and codes of additive product quantization learned together."""

from __future__ import annotations

import torch

from bench.machine.spectra import nearest_rotation
from bench.quantizers.additive_product import AdditiveProductQuantizer
from bench.quantizers.refined import RefinedResidualQuantizer, refined
from bench.quantizers.vector import drawn

ROUNDS = 20


class OptimizedCartesianKMeans(AdditiveProductQuantizer):
    """OCKM (Wang et al. 2014; survey §2.3.1) with two codebooks to a part, as ``apq`` has.

    Where ``apq`` learns the rotation for one codebook to a part and keeps it, here learning goes on from its result and
    alternates between the codes, the rotation that brings the vectors nearest to their sums (Procrustes) and the
    codewords by least squares. A vector keeps its codes where the beam search does not find better ones, so that
    no step loses more of the vectors learned from.

    Attributes:
        losses: mean squared error of the vectors learned from, after ``apq`` and after each round.
    """

    losses: list[float]

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        super().fit(vectors, seed)
        sample = drawn(vectors, max(self.sizes), seed)
        codes = self.encode(sample)
        self.losses = [float(self._lost(sample, codes).mean())]
        for _ in range(ROUNDS):
            self._turn(sample, codes)
            self._refine(sample, codes)
            again = self.encode(sample)
            better = self._lost(sample, again) < self._lost(sample, codes)
            codes = torch.where(better[:, None], again, codes)
            self.losses.append(float(self._lost(sample, codes).mean()))

    def _turn(self, vectors: torch.Tensor, codes: torch.Tensor) -> None:
        """Take the rotation under which the vectors are nearest to what their codes stand for."""
        sums = self.decode(codes) @ self.rotation
        self.rotation = nearest_rotation(vectors.double().T @ sums.double()).float()

    def _refine(self, vectors: torch.Tensor, codes: torch.Tensor) -> None:
        """Take the codewords of each part that lose least of the vectors given the codes."""
        parts = zip(self.quantizers, self.cut(vectors), self.split(codes), strict=True)
        for quantizer, part, code in parts:
            assert isinstance(quantizer, RefinedResidualQuantizer)
            quantizer.use(refined(quantizer.codewords, code, part))

    def _lost(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Squared error ``[n]`` of vectors under codes."""
        return (vectors - self.decode(codes)).double().square().sum(1)
