"""Gumbel-softmax: a codeword is drawn, and the draw is relaxed so that it has a gradient."""

from __future__ import annotations

import torch

from bench.quantizers.estimators.base import Annealed, Carried, spread, uniform


class Gumbel(Annealed):
    """Gumbel-softmax (Jang et al. 2017, arXiv 1611.01144; survey eqs. 6 to 8): softmax((log π + g) / τ) of codewords.

    π is the softmax of the logits, and g Gumbel noise, so that codes are drawn from π at every temperature τ, which
    decides how sharp the relaxation is. It falls geometrically over the training; 1 to 1/16 is what DALL-E does
    (Ramesh et al. 2021, arXiv 2102.12092). Codewords, too, get the decoder's gradient.

    Args:
        start: temperature at the begin of the training.
        end: temperature at its end.
        hard: whether the decoder gets the drawn codeword itself, with the gradient of the relaxation
            (straight-through), and not the relaxed mixture of codewords.
    """

    def __init__(self, start: float = 1.0, end: float = 0.0625, width: float = 0.1, hard: bool = True) -> None:
        super().__init__(start, end)
        self.width, self.hard = width, hard

    def forward(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        noisy = logits / (self.width * spread(logits)) + gumbel_noise(logits, generator)
        codes = noisy.argmax(1)
        relaxed = (noisy / self.temperature).softmax(1) @ codewords
        if not self.hard:
            return Carried(relaxed, codes)
        return Carried(relaxed + (codewords[codes] - relaxed).detach(), codes)


def gumbel_noise(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Independent draws of Gumbel(0, 1), of a tensor's shape; the largest of logits with them is a draw of softmax."""
    return -(-uniform(like.shape, generator, like).log()).log()
