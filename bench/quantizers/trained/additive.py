"""Additive quantization, trained: a sum of codewords, each chosen given the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bench.errors import whole_number
from bench.quantizers.base import INDEX_BITS, shared_bits
from bench.quantizers.trained.base import Coded
from bench.quantizers.trained.learned import BITS, LearnedBottleneck, coded


class TrainedAQ(LearnedBottleneck):
    """AQ (Babenko & Lempitsky 2014; survey §2.4): the sum of one codeword of each of several codebooks.

    Codewords are chosen as by residual quantization, and then again in turn, each as the nearest to what all others
    leave: iterated conditional modes, the local search of LSQ (Martinez et al. 2016) without its perturbations. The
    last turn is the one that has gradients, and they add up as those of ``TrainedGroupedRVQ``; the losses of a codebook
    are of what the others leave to it.

    Args:
        width: dimensions of a latent.
        bits: bits of a token, shared by the codebooks; where they do not divide, the first ones have a bit more.
        books: codebooks.
        rounds: how often each codeword is chosen again.
        recipe: how the codebooks are trained; see ``LearnedBottleneck``.
    """

    def __init__(self, width: int, bits: int = BITS, books: int = 2, rounds: int = 2, **recipe: Any) -> None:
        super().__init__(width, **recipe)
        self.rounds = whole_number("rounds", rounds, 1, 100)
        for book_bits in shared_bits(bits, whole_number("books", books, 1, INDEX_BITS)):
            self.add(2**book_bits, width)

    def start(self, latents: torch.Tensor, generator: torch.Generator) -> None:
        rest = latents.flatten(0, -2)
        for book in self.books:
            book.start(rest, generator)
            rest = rest - book.decode(book.encode(rest))

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        vectors = latents.flatten(0, -2)
        words = self._words(self._chosen(vectors.detach(), self.rounds - 1))
        rest = committing = vectors - torch.stack(words).sum(0)
        looked = []
        for book, word in zip(self.books, words, strict=True):
            level = book(rest + word, generator, committing + word)
            rest, committing = rest + word - level.vectors, committing + word - level.vectors.detach()
            looked.append(level)
        codes = [level.codes.view(latents.shape[:-1]) for level in looked]
        return coded((vectors - rest).view_as(latents), codes, looked)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        codes = self._chosen(latents.flatten(0, -2), self.rounds)
        return tuple(code.view(latents.shape[:-1]) for code in codes)

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        words = self._words([code.flatten() for code in codes])
        return torch.stack(words).sum(0).view(*codes[0].shape, self.width)

    @torch.no_grad()
    def _chosen(self, vectors: torch.Tensor, rounds: int) -> list[torch.Tensor]:
        """Codes ``[n]`` of each codebook for vectors ``[n, width]``."""
        rest, codes = vectors, []
        for book in self.books:
            codes.append(book.encode(rest))
            rest = rest - book.decode(codes[-1])
        for _ in range(rounds):
            for number, book in enumerate(self.books):
                rest = rest + book.decode(codes[number])
                codes[number] = book.encode(rest)
                rest = rest - book.decode(codes[number])
        return codes

    def _words(self, codes: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [book.decode(code) for book, code in zip(self.books, codes, strict=True)]
