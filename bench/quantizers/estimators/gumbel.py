"""Gumbel-softmax: a codeword is drawn, and the draw is relaxed so that it has a gradient."""

from __future__ import annotations

import torch

from bench.errors import number_above_zero
from bench.quantizers.estimators.base import Annealed, Carried, relative, straight_through, uniform


class Gumbel(Annealed):
    """Gumbel-softmax (Jang et al. 2017, arXiv 1611.01144; survey eqs. 6 to 8): softmax((log π + g) / τ) of codewords.

    Codes are drawn from π = softmax(logits / width) at every temperature τ, as the codeword with the largest log π + g
    where g is Gumbel noise; τ decides how sharp the relaxation is, and falls geometrically over the training. Its
    default from 1 to 1/16 is that of DALL-E (Ramesh et al. 2021, arXiv 2102.12092). Codewords, too, get the decoder's
    gradient.

    Logits are squared distances here, whose scale is that of the latents, and with a scale of 1 the first draws are
    uniform. The width is therefore in units of the standard deviation of a vector's logits over codewords, on average
    over the batch.

    Args:
        start: temperature τ at the beginning of the training.
        end: temperature at its end.
        width: what logits are divided by before codes are drawn, in units of their spread.
        hard: whether the decoder gets the drawn codeword itself, with the gradient of the relaxation
            (straight-through), instead of the relaxed mixture of codewords.

    Raises:
        BenchError: a temperature or the width is not above zero.
    """

    def __init__(self, start: float = 1.0, end: float = 0.0625, width: float = 0.1, hard: bool = True) -> None:
        super().__init__(start, end)
        self.width, self.hard = number_above_zero("width", width), hard

    def forward(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        noisy = relative(logits, self.width) + gumbel_noise(logits, generator)
        codes = noisy.argmax(1)
        relaxed = (noisy / self.temperature).softmax(1) @ codewords
        if not self.hard:
            return Carried(relaxed, codes)
        return Carried(straight_through(codewords[codes], relaxed), codes)


def gumbel_noise(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Independent draws of Gumbel(0, 1), of a tensor's shape; the largest of logits with them is a draw of softmax."""
    return -(-uniform(like.shape, generator, like).log()).log()
