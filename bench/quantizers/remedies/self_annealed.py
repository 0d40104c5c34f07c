"""Codewords are drawn with a noise whose variance is learned, and which dies down by itself."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from bench.errors import number_above_zero
from bench.quantizers.estimators.base import Carried, geometric
from bench.quantizers.estimators.gumbel import gumbel_noise
from bench.quantizers.remedies.assignments import entropies
from bench.quantizers.remedies.base import Remedy

RATE = 10.0
"""What the logarithm of the variance is multiplied with: at the network's learning rate, which suits long trainings, it
would hardly move in short ones."""
FIRST_VARIANCE = 20 / 64
"""The variance at first, as a share of the summed variances of a latent's dimensions; that of the publisher's
configuration for 64 dimensions of variance 1."""
WARMUP = 0.5
"""Share of the training in which the weight of the loss rises: at its full weight, latents lose their variance before
the decoder has learned to use it."""


class SelfAnnealed(Remedy):
    """SQ-VAE with one Gaussian variance (Takida et al. 2022, arXiv 2205.07547): self-annealed stochastic quantization.

    Codewords are drawn from softmax(-|z - c|² / 2σ²) by Gumbel-softmax, and the decoder gets the relaxed draw. The loss
    is |z - ẑ|² / 2σ² minus the entropy of the assignment, for each vector, in place of the losses of codebook and
    commitment; σ² is learned, and falls as the reconstruction gets better. There the variance of the decoder is
    estimated, too, which weighs this loss; a remedy does not see the reconstruction, so that its weight is given here,
    and rises linearly at first. Codewords begin normal with mean and variance of the first latents. Trained models
    decode the nearest codeword.

    Args:
        weight: weight of the loss of a vector, after the rise.
        first: temperature of the relaxation at the beginning of the training.
        last: temperature at its end, to which it falls geometrically; from 1 to 0.2 as the publisher's on CIFAR-10.

    Attributes:
        log_variance: log σ².

    Raises:
        BenchError: an argument is not above zero.
    """

    carries: ClassVar[bool] = True
    averages: ClassVar[bool] = False
    commits: ClassVar[bool] = False

    def __init__(self, size: int, dim: int, weight: float = 0.002, first: float = 1.0, last: float = 0.2) -> None:
        super().__init__(size, dim)
        self.weight, self.first, self.last = (
            number_above_zero(name, value) for name, value in (("weight", weight), ("first", first), ("last", last))
        )
        self.scaled_log_variance = nn.Parameter(torch.zeros(()))
        self.temperature, self.risen = self.first, 1.0

    @property
    def log_variance(self) -> torch.Tensor:
        return RATE * self.scaled_log_variance

    def start(self, weight: torch.Tensor, vectors: torch.Tensor, generator: torch.Generator) -> None:
        variance, mean = torch.var_mean(vectors, 0)
        weight.copy_(torch.randn(weight.shape, generator=generator).to(vectors) * variance.sqrt() + mean)
        self.scaled_log_variance.fill_(math.log(FIRST_VARIANCE * float(variance.sum())) / RATE)

    def progress(self, share: float) -> None:
        self.temperature = geometric(self.first, self.last, share)
        self.risen = min(1.0, share / WARMUP)

    def carry(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        noisy = logits / (2 * self.log_variance.exp()) + gumbel_noise(logits, generator)
        return Carried((noisy / self.temperature).softmax(1) @ codewords, noisy.argmax(1))

    def loss(
        self,
        loss: torch.Tensor,
        vectors: torch.Tensor,
        codewords: torch.Tensor,
        logits: torch.Tensor,
        carried: Carried,
    ) -> torch.Tensor:
        twice = 2 * self.log_variance.exp()
        of_vector, _ = entropies(logits / twice)
        return self.weight * self.risen * ((vectors - carried.vectors).square().sum(1).mean() / twice - of_vector)
