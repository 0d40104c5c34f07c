"""While training, the decoder gets a mixture of codewords rather than the nearest one."""

from __future__ import annotations

from typing import ClassVar

import torch

from bench.errors import number_above_zero
from bench.quantizers.estimators.base import Carried, geometric, relative
from bench.quantizers.remedies.base import Remedy


class Soft(Remedy):
    """soft VQ-VAE (Wu & Flierl 2020, arXiv 1905.11062): the decoder gets the posterior mean of the codewords.

    The weights of codewords are softmax(-|z - c|² / T), the posterior where Gaussian noise was added to one of them.
    The temperature T, there from the variance of the noise, is in units of the spread of a vector's squared distances.
    The loss of the codebook is the expected squared distance under these weights, in place of that to the nearest
    codeword (soft expectation maximization; Roy et al. 2018, arXiv 1805.11063). Codes are the nearest codewords, and
    trained models decode these, not the mixture: that costs what the mixture hides.

    Args:
        temperature: T; towards 0 the mixture becomes the nearest codeword.

    Raises:
        BenchError: the temperature is not above zero.
    """

    carries: ClassVar[bool] = True
    averages: ClassVar[bool] = False
    commits: ClassVar[bool] = False

    def __init__(self, size: int, dim: int, temperature: float = 0.1) -> None:
        super().__init__(size, dim)
        self.temperature = number_above_zero("temperature", temperature)

    def carry(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        return Carried(self._shares(logits) @ codewords, logits.argmax(1))

    def loss(
        self,
        loss: torch.Tensor,
        vectors: torch.Tensor,
        codewords: torch.Tensor,
        logits: torch.Tensor,
        carried: Carried,
    ) -> torch.Tensor:
        return -(self._shares(logits.detach()) * logits).sum(1).mean() / self.dim

    def _shares(self, logits: torch.Tensor) -> torch.Tensor:
        """Weights of codewords, ``[n, size]``."""
        return relative(logits, self.temperature).softmax(1)


class AnnealedSoft(Soft):
    """Soft-to-hard vector quantization (Agustsson et al. 2017, arXiv 1704.00648): the mixture hardens while training.

    As ``soft``, with a temperature that falls geometrically. There it follows the gap between the errors of soft and
    hard quantization, there is no loss of the codebook, and the entropy of codes is part of the loss; here the schedule
    is fixed, and entropy is not priced.

    Args:
        first: temperature at the beginning of the training.
        last: temperature at its end.

    Raises:
        BenchError: a temperature is not above zero.
    """

    def __init__(self, size: int, dim: int, first: float = 1.0, last: float = 0.01) -> None:
        super().__init__(size, dim, number_above_zero("first", first))
        self.first, self.last = self.temperature, number_above_zero("last", last)

    def progress(self, share: float) -> None:
        self.temperature = geometric(self.first, self.last, share)
