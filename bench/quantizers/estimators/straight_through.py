"""The straight-through estimator: the encoder gets the decoder's gradient as it is."""

from __future__ import annotations

import torch

from bench.quantizers.estimators.base import Carried, Estimator, straight_through


class StraightThrough(Estimator):
    """Forward the nearest codeword, backward the identity (Bengio et al. 2013, arXiv 1308.3432; survey eq. 5)."""

    def forward(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        codes = logits.argmax(1)
        return Carried(straight_through(codewords[codes], vectors), codes)
