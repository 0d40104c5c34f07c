"""Broken tokenizers: the codes of a good one, shuffled differently for each image or clip."""

from dataclasses import replace

import torch

from bench.contracts.tokens import Tokens
from bench.modalities.audio.tokenizers.mdct import MDCT
from bench.modalities.image.tokenizers.klt import KLT


class Shuffled(KLT):
    def encode(self, batch: torch.Tensor) -> Tokens:
        tokens = super().encode(batch)
        return replace(tokens, codes=tuple(torch.stack([self._shuffled(one) for one in code]) for code in tokens.codes))

    def _shuffled(self, codes: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(int(codes.sum()))
        return codes.flatten()[torch.randperm(codes.numel(), generator=generator)].view(codes.shape)


class ShuffledSound(MDCT):
    """Shuffles the frames differently for each clip."""

    def _encode(self, coefficients: torch.Tensor) -> torch.Tensor:
        codes = super()._encode(coefficients)
        generator = torch.Generator().manual_seed(int(codes.sum()))
        return codes[torch.randperm(len(codes), generator=generator)]
