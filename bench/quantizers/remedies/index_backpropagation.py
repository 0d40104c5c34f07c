"""The gradient goes through the choice of codewords, so that all of them get one."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch.nn import functional as F

from bench.errors import number_above_zero
from bench.quantizers.estimators.base import Carried
from bench.quantizers.remedies.assignments import by_index, entropies
from bench.quantizers.remedies.base import Remedy


class IndexBackpropagation(Remedy):
    """Index backpropagation quantization (IBQ; Shi et al. 2024, arXiv 2412.02692).

    Codewords are chosen by the inner product, straight-through on the one-hot choice. To the losses of codebook and
    commitment, here with the weights of the recipe, comes the squared distance with the gradient through the choice
    (the double quantization loss), and the entropy penalty. Codewords begin normal about 0 with the standard
    deviation of the first latents, where the publisher's have 1.

    Args:
        weight: weight of the entropy penalty; that of the publisher's configuration.
        temperature: what inner products are divided by in the entropy penalty; likewise.

    Raises:
        BenchError: an argument is not above zero.
    """

    carries: ClassVar[bool] = True
    averages: ClassVar[bool] = False

    def __init__(self, size: int, dim: int, weight: float = 0.05, temperature: float = 0.01) -> None:
        super().__init__(size, dim)
        self.weight, self.temperature = (
            number_above_zero("weight", weight),
            number_above_zero("temperature", temperature),
        )

    def start(self, weight: torch.Tensor, vectors: torch.Tensor, generator: torch.Generator) -> None:
        weight.copy_(torch.randn(weight.shape, generator=generator).to(vectors) * vectors.std(0))

    def logits(self, vectors: torch.Tensor, codewords: torch.Tensor) -> torch.Tensor:
        return vectors @ codewords.T

    def carry(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        codes = logits.argmax(1)
        return Carried(by_index(codewords, codes, logits.softmax(1)), codes)

    def loss(
        self,
        loss: torch.Tensor,
        vectors: torch.Tensor,
        codewords: torch.Tensor,
        logits: torch.Tensor,
        carried: Carried,
    ) -> torch.Tensor:
        of_vector, of_batch = entropies(logits / self.temperature)
        return loss + F.mse_loss(carried.vectors, vectors) + self.weight * (of_vector - of_batch)
