"""A tokenizer that reconstructs like a good one but whose codes say little: each position has different labels."""

from collections.abc import Iterable
from dataclasses import replace

import torch

from bench.contracts.tokens import Tokens
from bench.modalities.image.tokenizers.klt import KLT


class Scrambled(KLT):
    """A good tokenizer whose code labels are permuted, differently at each position; decoding undoes it."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        tokens = super().encode(batch)
        return replace(tokens, codes=tuple(self._relabelled(tokens.codes, inverse=False)))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return super().decode(replace(tokens, codes=tuple(self._relabelled(tokens.codes, inverse=True))))

    def _relabelled(self, levels: tuple[torch.Tensor, ...], inverse: bool) -> Iterable[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        for code, book in zip(levels, self.codebooks, strict=True):
            positions = code[0].numel()
            labels = torch.rand(positions, book.size, generator=generator).argsort(1)
            table = labels.argsort(1) if inverse else labels
            yield table[torch.arange(positions), code.cpu().flatten(1)].view(code.shape)
