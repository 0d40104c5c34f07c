"""Grouped residual vector quantization, trained; residual and product quantization are special cases of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from bench.errors import number_from_zero, whole_number
from bench.quantizers.base import INDEX_BITS, shared_bits
from bench.quantizers.product import check_parts
from bench.quantizers.trained.base import Coded
from bench.quantizers.trained.codebook import Codebook, Looked
from bench.quantizers.trained.learned import BITS, LearnedBottleneck

ABSENT = -1
"""In place of a code of a level that a sample was trained without."""


class TrainedGroupedRVQ(LearnedBottleneck):
    """GRVQ (Yang et al. 2023, HiFi-Codec, arXiv 2305.02765): groups of coordinates, each residually quantized.

    Each level of a group quantizes what the levels before left (survey §2.2). The next level's input is the input of
    this one minus its output, with the gradient of both, so that the gradients of all levels add up to that of one
    quantizer: with the straight-through estimator to the identity, however many levels there are. Each level's losses
    reach the encoder as if the codewords before were constants, as they do in SoundStream and EnCodec.

    Args:
        width: dimensions of a latent.
        bits: bits of a token, shared by all codebooks; where they do not divide, the first ones have a bit more.
        groups: parts of equal dimension that a latent is cut into.
        levels: codebooks of a group.
        dropout: share of the samples of a step that are trained with the leading levels alone, as many of them as is
            drawn from 1 to all (quantizer dropout; SoundStream, Zeghidour et al. 2021, arXiv 2107.03312, drops levels
            of all samples).
        recipe: how the codebooks are trained; see ``LearnedBottleneck``.

    Attributes:
        sizes: codebook size of each group at the first level, then of each at the second, and so on.
    """

    def __init__(
        self, width: int, bits: int = BITS, groups: int = 2, levels: int = 2, dropout: float = 0.0, **recipe: Any
    ) -> None:
        super().__init__(width, **recipe)
        self.groups = whole_number("groups", groups, 1, INDEX_BITS)
        self.levels = whole_number("levels", levels, 1, INDEX_BITS)
        self.dropout = number_from_zero("dropout", dropout, most=1)
        check_parts(width, groups)
        for book_bits in shared_bits(bits, groups * levels):
            self.add(2**book_bits, width // groups)

    def start(self, latents: torch.Tensor, generator: torch.Generator) -> None:
        rest = self._cut(latents)
        for books in self._levels():
            for group, book in enumerate(books):
                book.start(rest[:, :, group].flatten(0, 1), generator)
            rest = rest - _decoded(books, _encoded(books, rest))

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        rest = committing = self._cut(latents)
        given = torch.zeros_like(rest)
        kept = self._kept(len(latents), generator).to(latents.device)
        levels = []
        for level, books in enumerate(self._levels()):
            samples = (kept > level).nonzero()[:, 0]
            if not len(samples):
                break
            chosen, committed = rest[samples], committing[samples]
            looked = [
                book(
                    chosen[:, :, group].flatten(0, 1),
                    generator,
                    committed[:, :, group].flatten(0, 1) if level else None,
                )
                for group, book in enumerate(books)
            ]
            output = torch.stack([one.vectors.unflatten(0, chosen.shape[:2]) for one in looked], 2)
            output = torch.zeros_like(rest).index_copy(0, samples, output)
            rest, committing, given = rest - output, committing - output.detach(), given + output
            levels.append((samples, looked))
        return self._coded(latents, given, levels)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rest, codes = self._cut(latents), []
        for books in self._levels():
            codes.extend(_encoded(books, rest))
            rest = rest - _decoded(books, codes[-self.groups :])
        return tuple(code.view(latents.shape[:-1]) for code in codes)

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        """The latents that codes stand for; the codes of the last levels may be left out."""
        levels = [
            _decoded(books, [code.flatten(1) for code in codes[level * self.groups :][: self.groups]])
            for level, books in enumerate(self._levels())
            if level * self.groups < len(codes)
        ]
        return torch.stack(levels).sum(0).view(*codes[0].shape, self.width)

    def _cut(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents as ``[batch, places, groups, dimensions of a group]``."""
        return latents.reshape(len(latents), -1, self.groups, self.width // self.groups)

    def _levels(self) -> Iterator[list[Codebook]]:
        """The codebooks of each level, one per group."""
        books = list(self.books)
        for level in range(self.levels):
            yield books[level * self.groups :][: self.groups]

    def _kept(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        """How many levels each sample of a step is quantized with, int64 ``[batch]``."""
        kept = torch.full((batch,), self.levels)
        if not self.dropout or not self.training:
            return kept
        fewer = torch.randint(1, self.levels + 1, (batch,), generator=generator)
        return torch.where(torch.rand(batch, generator=generator) < self.dropout, fewer, kept)

    def _coded(
        self, latents: torch.Tensor, given: torch.Tensor, levels: list[tuple[torch.Tensor, list[Looked]]]
    ) -> Coded:
        """What comes of the levels that samples were quantized with; losses are averaged over all these."""
        batch, places = given.shape[:2]
        codes = [torch.full((batch, places), ABSENT, device=given.device) for _ in self.sizes]
        drawn = []
        for level, (samples, looked) in enumerate(levels):
            for group, one in enumerate(looked):
                codes[level * self.groups + group][samples] = one.codes.view(-1, places)
                if one.drawn is not None:
                    drawn.append(given.new_zeros(batch).index_copy(0, samples, one.drawn.view(-1, places).sum(1)))
        counts = given.new_tensor([len(samples) for samples, _ in levels])
        shares = counts / (counts.sum() * self.groups)
        return Coded(
            given.view_as(latents),
            tuple(code.view(latents.shape[:-1]) for code in codes),
            torch.stack([torch.stack([one.loss for one in looked]).sum() for _, looked in levels]) @ shares,
            torch.stack([torch.stack([one.commitment for one in looked]).sum() for _, looked in levels]) @ shares,
            torch.stack(drawn).sum(0) if drawn else None,
        )


def _encoded(books: list[Codebook], vectors: torch.Tensor) -> list[torch.Tensor]:
    """Codes ``[batch, places]`` of each group of vectors ``[batch, places, groups, dim]``."""
    return [book.encode(vectors[:, :, group].flatten(0, 1)).view(vectors.shape[:2]) for group, book in enumerate(books)]


def _decoded(books: list[Codebook], codes: Sequence[torch.Tensor]) -> torch.Tensor:
    """Vectors ``[batch, places, groups, dim]`` of the codes ``[batch, places]`` of each group."""
    vectors = [book.decode(code.flatten()).unflatten(0, code.shape) for book, code in zip(books, codes, strict=True)]
    return torch.stack(vectors, 2)
