"""The best convex combination of codewords in place of the nearest one, while training."""

from __future__ import annotations

from typing import ClassVar

import torch

from bench.errors import number_above_zero
from bench.quantizers.estimators.base import Carried
from bench.quantizers.remedies.base import Remedy

TOLERANCE = 1e-6
"""Largest step of a threshold after which it is taken as found."""


class SoftConvex(Remedy):
    """Soft convex quantization (SCQ; Gautam et al. 2023, arXiv 2310.03004), by the paper's scalable relaxation.

    The decoder gets C p with the weights p that minimize |z - C p|² + λ |p - p̃|² on the simplex, where p̃ is one-hot at
    the nearest codeword. As in the relaxation, the minimum without constraints is found and then projected onto the
    simplex; it is p̃ + Cᵀ (C Cᵀ + λ I)⁻¹ (z - C p̃), so that the linear system is as small as the dimensions of vectors
    and not as the codebook. λ is in units of the mean diagonal of C Cᵀ. The exact program needs a differentiable solver
    of quadratic programs, and is left out. Trained models decode the nearest codeword, not the combination.

    Args:
        weight: λ; the larger it is, the nearer p is to the one-hot choice.

    Raises:
        BenchError: the weight is not above zero.
    """

    carries: ClassVar[bool] = True
    averages: ClassVar[bool] = False

    def __init__(self, size: int, dim: int, weight: float = 0.1) -> None:
        super().__init__(size, dim)
        self.weight = number_above_zero("weight", weight)

    def carry(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        codes = logits.argmax(1)
        products = codewords.T @ codewords
        penalty = self.weight * products.detach().diagonal().mean().clamp(min=torch.finfo(products.dtype).tiny)
        system = products + penalty * torch.eye(self.dim, dtype=products.dtype, device=products.device)
        weights = torch.linalg.solve(system, (vectors - codewords[codes]).T).T @ codewords.T
        chosen = codes[:, None]
        weights = weights.scatter_add(1, chosen, torch.ones_like(chosen, dtype=weights.dtype))
        return Carried(on_simplex(weights) @ codewords, codes)


def on_simplex(points: torch.Tensor) -> torch.Tensor:
    """The nearest points to ``[n, size]`` whose numbers are at least 0 and add up to 1, with their gradient.

    The nearest point takes a threshold from each number and sets what is below zero to zero. What is left over adds up
    to a convex, piecewise linear function of the threshold, so that Newton's method from below is exact after finitely
    many steps.
    """
    with torch.no_grad():
        threshold = points.amax(1, keepdim=True) - 1
        for _ in range(points.shape[1]):
            kept = points > threshold
            last, threshold = threshold, _threshold(points, kept)
            if bool((threshold - last).amax() <= TOLERANCE):
                break
    return (points - _threshold(points, kept)).relu()


def _threshold(points: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """What must be taken from the numbers that are kept so that they add up to 1, ``[n, 1]``."""
    return ((points * kept).sum(1, keepdim=True) - 1) / kept.sum(1, keepdim=True)
