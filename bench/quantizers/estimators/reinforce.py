"""The score function: a codeword is drawn, and its probability changes with the loss that it led to."""

from __future__ import annotations

import torch

from bench.quantizers.estimators.base import Annealed, Carried, drawn_codes, relative


class Reinforce(Annealed):
    """REINFORCE (Williams 1992, doi:10.1007/BF00992696): codewords drawn from softmax(logits / T).

    The encoder gets (loss - baseline) ∇ log p(code) and nothing from the vectors that the decoder gets: these have a
    gradient to the codewords alone. With T taken as a constant and a baseline that does not depend on what is drawn,
    its mean is the exact gradient of the expected loss. T is in units of the standard deviation of a vector's logits
    over codewords, on average over the batch.

    Args:
        start: temperature at the beginning of the training.
        end: temperature at its end.
    """

    def __init__(self, start: float = 0.5, end: float = 0.02) -> None:
        super().__init__(start, end)

    def forward(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        chances = relative(logits, self.temperature).log_softmax(1)
        codes = drawn_codes(chances.exp(), generator)
        return Carried(codewords[codes], codes, chances.gather(1, codes[:, None])[:, 0])
