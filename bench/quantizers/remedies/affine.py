"""Codewords that share a mean and a standard deviation."""

from __future__ import annotations

import torch
from torch import nn

from bench.errors import BenchError, number_above_zero
from bench.quantizers.remedies.base import Remedy

MOMENTUM = 0.1
"""Share of a step in the running statistics."""
TINY = 1e-12
"""Added to the variance of the codewords, which may be zero."""


class Affine(Remedy):
    """All codewords are scaled and shifted together, used or not (Huh et al. 2023, arXiv 2305.08842; vqtorch).

    The stored codewords begin standard normal, as in vqtorch. What is compared is scale · codeword + shift with a
    scale and a shift per dimension, either learned, from 1 and 0, or such that codewords have the running mean and
    standard deviation of the vectors. The authors' alternating optimization and synchronized commitment are left out.

    Args:
        size: number of codewords.
        dim: dimensions of the vectors.
        statistics: whether scale and shift follow running statistics, rather than being learned.
        rate: factor of the learning rate of scale and shift where they are learned.
    """

    averages = False
    moments: torch.Tensor

    def __init__(self, size: int, dim: int, statistics: bool = False, rate: float = 10.0) -> None:
        super().__init__(size, dim)
        if not isinstance(statistics, bool):
            raise BenchError(f"statistics={statistics}: write true or false")
        self.statistics, self.rate = statistics, number_above_zero("rate", rate)
        if statistics:
            self.register_buffer("moments", torch.tensor([0.0, 1.0, 0.0, 1.0])[:, None].repeat(1, dim))
        else:
            self.scaling, self.shifting = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))

    def start(self, weight: torch.Tensor, vectors: torch.Tensor, generator: torch.Generator) -> None:
        weight.copy_(torch.randn(weight.shape, generator=generator))
        if self.statistics:
            self.moments.copy_(_moments(weight, vectors))

    def codewords(self, weight: torch.Tensor) -> torch.Tensor:
        if not self.statistics:
            return (1 + self.rate * self.scaling) * weight + self.rate * self.shifting
        mean, variance, wanted_mean, wanted_variance = self.moments
        moved: torch.Tensor = (weight - mean) * (wanted_variance / (variance + TINY)).sqrt() + wanted_mean
        return moved

    def upkeep(
        self, weight: torch.Tensor, vectors: torch.Tensor, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor | None:
        if self.statistics:
            self.moments.lerp_(_moments(weight, vectors), MOMENTUM)
        return None


def _moments(weight: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Mean and variance of codewords, then of vectors, in each dimension, ``[4, dim]``."""
    rows = [moment for them in (weight, vectors) for moment in (them.mean(0), them.var(0, correction=0))]
    return torch.stack(rows)
