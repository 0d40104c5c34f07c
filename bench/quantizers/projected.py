"""Projected residual quantization: each level codes the leading principal components of what is left."""

from __future__ import annotations

import torch

from bench.quantizers.decorrelation import klt
from bench.quantizers.stages import StagewiseQuantizer
from bench.quantizers.vector import VectorQuantizer

SHARE = 0.5
"""Share of the dimensions that a level codes."""


class ProjectedResidualQuantizer(StagewiseQuantizer):
    """PRVQ (Wei et al. 2014; survey §2.2.2): a projection to half of the principal components before each level.

    What the projection of a level discards stays in what the next levels code, whose principal components are others.
    A codeword of the projected space is kept in full, as the point of the subspace that it stands for: the nearest
    codeword after the projection is the nearest without it, so that encoding and decoding are those of ``rvq``.
    """

    def stage(self, rest: torch.Tensor, size: int, seed: int) -> torch.Tensor:
        mean, basis = klt(rest)
        leading = basis[:, : max(1, round(SHARE * rest.shape[1]))]
        return VectorQuantizer.learned(((rest - mean) @ leading).contiguous(), size, seed) @ leading.T + mean
