"""Vector quantization, trained: one codebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bench.errors import whole_number
from bench.quantizers.base import LEARNED_BITS
from bench.quantizers.trained.base import Coded
from bench.quantizers.trained.learned import BITS, LearnedBottleneck, coded


class TrainedVQ(LearnedBottleneck):
    """VQ (van den Oord et al. 2017, arXiv 1711.00937; survey §2.1): each latent to the nearest of ``2^bits`` codewords.

    Args:
        width: dimensions of a latent.
        bits: bits of a token.
        recipe: how the codebook is trained; see ``LearnedBottleneck``.
    """

    def __init__(self, width: int, bits: int = BITS, **recipe: Any) -> None:
        super().__init__(width, **recipe)
        self.add(2 ** whole_number("bits of a token", bits, 1, LEARNED_BITS), width)

    def start(self, latents: torch.Tensor, generator: torch.Generator) -> None:
        self.books[0].start(latents.flatten(0, -2), generator)

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        looked = self.books[0].forward(latents.flatten(0, -2), generator)
        return coded(looked.vectors.view_as(latents), [looked.codes.view(latents.shape[:-1])], [looked])

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.books[0].encode(latents.flatten(0, -2)).view(latents.shape[:-1]),)

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        return self.books[0].decode(codes[0].flatten()).view(*codes[0].shape, self.width)
