"""Codebooks that networks adapt to what the levels before decode to, and the search through them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import nn


class ImplicitCodebook(nn.Module):
    """A level whose codewords depend on the vector decoded so far (Huijben et al. 2024, §3).

    The base codeword and that vector, concatenated, are mapped linearly and added to the base codeword; each block
    adds a linear map of a layer of rectified units to the result. The last map of a block and that of the
    concatenation start at zero, as QINCo2's do (Vallaeys et al. 2025), so that at first the codewords are the base
    codewords whatever was decoded.

    Args:
        codewords: base codewords, float32 ``[codes, dim]``.
        blocks: number of blocks.
        width: hidden units of a block.
        generator: draws the weights of the hidden layers.

    Attributes:
        ranked: codewords ``[codes, dim]`` by which candidates are chosen, fixed whatever was decoded.
    """

    def __init__(self, codewords: torch.Tensor, blocks: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        dim = codewords.shape[1]
        self.codewords = nn.Parameter(codewords.clone())
        self.ranked = nn.Parameter(codewords.clone())
        self.of_codeword = nn.Parameter(torch.zeros(dim, dim))
        self.of_decoded = nn.Parameter(torch.zeros(dim, dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        uniform = 2 * torch.rand(blocks, dim, width, generator=generator) - 1
        self.hidden = nn.Parameter(uniform * math.sqrt(6 / dim))
        self.ends = nn.Parameter(torch.zeros(blocks, width, dim))

    def forward(self, codewords: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
        """What is added to vectors decoded so far ``[..., dim]`` for base codewords ``[..., dim]``, broadcast."""
        made = codewords + codewords @ self.of_codeword + (decoded @ self.of_decoded + self.bias)
        for hidden, end in zip(self.hidden, self.ends, strict=True):
            made = made + torch.relu(made @ hidden) @ end
        return made

    @torch.no_grad()
    def candidates(self, rest: torch.Tensor, count: int) -> torch.Tensor:
        """Codes ``[..., count]`` of the fixed codewords nearest to vectors ``[..., dim]``."""
        distances = self.ranked.square().sum(1) - 2 * rest @ self.ranked.T
        return distances.topk(count, largest=False).indices


class ImplicitCodebooks(nn.Module):
    """Levels of a residual quantizer, of which all but the first are implicit.

    Args:
        books: base codewords ``[codes, dim]`` of each level.
        blocks: blocks of each network.
        width: hidden units of a block.
        seed: decides the weights that are drawn.
    """

    def __init__(self, books: Sequence[torch.Tensor], blocks: int, width: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(books[0].clone())
        self.levels = nn.ModuleList(ImplicitCodebook(book, blocks, width, generator) for book in books[1:])

    def sums(self, codes: torch.Tensor) -> Iterator[torch.Tensor]:
        """Vectors ``[n, dim]`` decoded from codes ``[n, levels]`` up to each level in turn."""
        decoded = self.first[codes[:, 0]]
        yield decoded
        for level, code in zip(self._implicit(), codes.T[1:], strict=True):
            decoded = decoded + level(level.codewords[code], decoded)
            yield decoded

    def lost(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """What training lowers: the mean squared errors of vectors ``[n, dim]`` after every level, added up.

        The fixed codewords that choose candidates are learned beside it, from what the level before leaves; no
        gradient of theirs reaches the networks.
        """
        total = torch.zeros(())
        before: torch.Tensor | None = None
        for index, decoded in enumerate(self.sums(codes)):
            total = total + (decoded - vectors).square().mean()
            if before is not None:
                ranked = self._implicit()[index - 1].ranked[codes[:, index]]
                total = total + (before + ranked - vectors).square().mean()
            before = decoded.detach()
        return total

    @torch.no_grad()
    def search(self, vectors: torch.Tensor, paths: int = 1, candidates: int | None = None) -> torch.Tensor:
        """Codes ``[n, levels]`` of vectors ``[n, dim]``, chosen level by level.

        Args:
            paths: sums that go on from one level to the next; the best of the last level is the code.
            candidates: codes of a level that are tried with each sum; None for all.
        """
        count, dim = vectors.shape
        codes, decoded = torch.zeros(count, 1, 0, dtype=torch.int64), torch.zeros(count, 1, dim)
        for index in range(len(self.levels) + 1):
            if index == 0:
                tried = torch.arange(len(self.first)).expand(count, 1, -1)
                sums = self.first.expand(count, 1, -1, -1)
            else:
                tried, sums = self._continued(self._implicit()[index - 1], vectors, decoded, candidates)
            errors = (sums - vectors[:, None, None]).square().sum(3).flatten(1)
            kept = 1 if index == len(self.levels) else min(paths, errors.shape[1])
            best = errors.topk(kept, largest=False).indices if kept > 1 else errors.argmin(1, keepdim=True)
            path = (best // tried.shape[2])[..., None].expand(-1, -1, codes.shape[2])
            codes = torch.cat([codes.gather(1, path), tried.flatten(1).gather(1, best)[..., None]], 2)
            decoded = sums.flatten(1, 2).gather(1, best[..., None].expand(-1, -1, dim))
        return codes[:, 0]

    def _continued(
        self, level: ImplicitCodebook, vectors: torch.Tensor, decoded: torch.Tensor, candidates: int | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes ``[n, paths, tried]`` that continue sums ``[n, paths, dim]``, and the sums that they lead to."""
        size = len(level.codewords)
        if candidates is None or candidates >= size:
            tried = torch.arange(size).expand(*decoded.shape[:2], -1)
        else:
            tried = level.candidates(vectors[:, None] - decoded, candidates)
        before = decoded[:, :, None]
        return tried, before + level(level.codewords[tried], before)

    def _implicit(self) -> list[ImplicitCodebook]:
        return [level for level in self.levels if isinstance(level, ImplicitCodebook)]
