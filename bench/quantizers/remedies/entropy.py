"""A penalty on assignments that are uncertain for a vector, or unevenly spread over a batch."""

from __future__ import annotations

import torch

from bench.errors import number_above_zero
from bench.quantizers.estimators.base import Carried
from bench.quantizers.remedies.assignments import entropies
from bench.quantizers.remedies.base import Remedy


class EntropyPenalty(Remedy):
    """The entropy penalty of lookup-free quantization (Yu et al. 2023, arXiv 2310.05737), on a learned codebook.

    The loss gets the mean entropy of a vector's soft assignment, softmax(-|z - c|² / T), minus the entropy of the
    batch's mean assignment: minus the information of codes about vectors.

    Args:
        weight: weight of the penalty.
        temperature: T, in units of squared distances; the default is that of the publisher's code.

    Raises:
        BenchError: an argument is not above zero.
    """

    def __init__(self, size: int, dim: int, weight: float = 0.1, temperature: float = 0.01) -> None:
        super().__init__(size, dim)
        self.weight, self.temperature = (
            number_above_zero("weight", weight),
            number_above_zero("temperature", temperature),
        )

    def loss(
        self,
        loss: torch.Tensor,
        vectors: torch.Tensor,
        codewords: torch.Tensor,
        logits: torch.Tensor,
        carried: Carried,
    ) -> torch.Tensor:
        of_vector, of_batch = entropies(logits / self.temperature)
        return loss + self.weight * (of_vector - of_batch)
