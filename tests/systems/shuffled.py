"""A broken tokenizer: the codes of a good one, each image's in an order of its own."""

from dataclasses import replace

import torch

from bench.tokenizers.klt import KLT
from bench.tokens import Tokens


class Shuffled(KLT):
    def encode(self, batch: torch.Tensor) -> Tokens:
        tokens = super().encode(batch)
        return replace(tokens, codes=tuple(torch.stack([self._shuffled(one) for one in code]) for code in tokens.codes))

    def _shuffled(self, codes: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(int(codes.sum()))
        return codes.flatten()[torch.randperm(codes.numel(), generator=generator)].view(codes.shape)
