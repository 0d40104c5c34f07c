"""Stochastic choice: a codeword is drawn, less and less widely, and the mean of the draws has the gradient."""

from __future__ import annotations

import torch

from bench.quantizers.estimators.base import Annealed, Carried, drawn_codes, relative, straight_through


class Stochastic(Annealed):
    """Codewords drawn from softmax(logits / T), with the gradient of their mean (cf. SQ-VAE, arXiv 2205.07547).

    As T falls, draws turn into the nearest codeword, an annealing that SQ-VAE learns; the temperature of ``gumbel``
    leaves the draws as they are. Backward there is no noise of the draw: the Jacobian is that of the mean Σ pₖ cₖ, with
    which the expected gradient is exact for a linear decoder. T is in units of the standard deviation of a vector's
    logits over codewords, on average over the batch, so that it does not depend on the scale of latents. Codewords,
    too, get the decoder's gradient.

    Args:
        start: temperature at the beginning of the training.
        end: temperature at its end.
    """

    def __init__(self, start: float = 0.5, end: float = 0.02) -> None:
        super().__init__(start, end)

    def forward(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        chances = relative(logits, self.temperature).softmax(1)
        codes = drawn_codes(chances, generator)
        mean = chances @ codewords
        return Carried(straight_through(codewords[codes], mean), codes)
