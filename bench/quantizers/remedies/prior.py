"""A penalty on a batch's mean assignment that is not uniform; some of the codes are drawn."""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from bench.errors import number_above_zero, number_from_zero
from bench.quantizers.estimators.base import Carried, drawn_codes, relative
from bench.quantizers.remedies.assignments import by_index, entropies
from bench.quantizers.remedies.base import Remedy


class PriorRegularization(Remedy):
    """Regularized vector quantization (Reg-VQ; Zhang et al. 2023, arXiv 2303.06424).

    The loss gets the KL divergence of the batch's mean assignment to the uniform distribution (prior distribution
    regularization). A random share of a batch's codes is drawn from the assignments, the others are the nearest
    (stochastic mask regularization), both straight-through on the choice. There the encoder predicts assignments; here
    they are softmax(-|z - c|² / T), and the losses of codebook and commitment stay. The probabilistic contrastive loss,
    which weighs images' losses in a network of its own, is left out.

    Args:
        weight: weight of the divergence.
        drawn: share of codes that are drawn, from 0 to 1.
        temperature: T, in units of the spread of a vector's squared distances.

    Raises:
        BenchError: an argument is out of its range.
    """

    carries: ClassVar[bool] = True
    averages: ClassVar[bool] = False

    def __init__(self, size: int, dim: int, weight: float = 0.01, drawn: float = 0.5, temperature: float = 0.1) -> None:
        super().__init__(size, dim)
        self.weight, self.temperature = (
            number_above_zero("weight", weight),
            number_above_zero("temperature", temperature),
        )
        self.drawn = number_from_zero("drawn", drawn, most=1)

    def carry(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        shares = relative(logits, self.temperature).softmax(1)
        masked = torch.randperm(len(logits), generator=generator)[: round(self.drawn * len(logits))].to(logits.device)
        codes = logits.argmax(1)
        codes[masked] = drawn_codes(shares[masked], generator)
        return Carried(by_index(codewords, codes, shares), codes)

    def loss(
        self,
        loss: torch.Tensor,
        vectors: torch.Tensor,
        codewords: torch.Tensor,
        logits: torch.Tensor,
        carried: Carried,
    ) -> torch.Tensor:
        _, of_batch = entropies(relative(logits, self.temperature))
        return loss + self.weight * (math.log(self.size) - of_batch)
