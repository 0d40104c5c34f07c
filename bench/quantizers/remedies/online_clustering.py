"""Rarely used codewords pulled to anchors among the latents."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from bench.errors import BenchError
from bench.quantizers.remedies.base import Remedy, counted

Anchor = Literal["probability", "closest", "random"]
DECAY = 0.99
"""The decay γ of the running usage."""
SHARPNESS = 10.0
"""How fast the pull falls as the usage grows."""
EPSILON = 1e-3
"""The ε of the pull: an unused codeword goes to its anchor but for this share."""
LEAST = 1e-6
"""A pull below this is left out."""


class OnlineClustering(Remedy):
    """The less a codeword is used, the further it goes to an anchor (CVQ-VAE, Zheng & Vedaldi 2023, arXiv 2307.15139).

    With N_k the running average of the share of vectors that codeword k gets, it goes the share
    α_k = exp(-10·N_k·K / (1 - γ) - ε) of the way to its anchor, a latent of the batch. The contrastive loss that the
    authors can add is left out, and ``random`` draws from the batch rather than from a pool of earlier ones.

    Args:
        size: number of codewords, K.
        dim: dimensions of the vectors.
        anchor: which latent is the anchor of a codeword: one drawn with ``probability`` softmax(-distance²) over the
            batch, the ``closest``, or one drawn at ``random``.
    """

    usage: torch.Tensor

    def __init__(self, size: int, dim: int, anchor: Anchor = "probability") -> None:
        super().__init__(size, dim)
        if anchor not in get_args(Anchor):
            raise BenchError(f"anchor={anchor}: write one of {', '.join(get_args(Anchor))}")
        self.anchor = anchor
        self.register_buffer("usage", torch.zeros(size))

    def upkeep(
        self, weight: torch.Tensor, vectors: torch.Tensor, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor | None:
        self.usage.lerp_(counted(codes, self.size) / len(codes), 1 - DECAY)
        pull = (-SHARPNESS * self.usage * self.size / (1 - DECAY) - EPSILON).exp()
        pulled = (pull > LEAST).nonzero()[:, 0]
        if not len(pulled):
            return None
        anchors = vectors[self._anchors(vectors, weight[pulled], generator)]
        weight[pulled] = torch.lerp(weight[pulled], anchors.to(weight), pull[pulled, None])
        return pulled

    def _anchors(self, vectors: torch.Tensor, codewords: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The number of the anchor of each codeword, ``[codewords]``."""
        if self.anchor == "random":
            return torch.randint(len(vectors), (len(codewords),), generator=generator).to(vectors.device)
        nearness = self.logits(vectors, codewords)
        if self.anchor == "closest":
            return nearness.argmax(0)
        below = nearness.T.softmax(1).cumsum(1)
        drawn = torch.rand(len(below), 1, generator=generator).to(below) * below[:, -1:]
        return torch.searchsorted(below, drawn, right=True)[:, 0].clamp(max=len(vectors) - 1)
