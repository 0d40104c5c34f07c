"""Autoregression trained on randomised orders, that ends in raster order."""

from __future__ import annotations

import torch

from bench.backbones.base import Backbone, Size, Structure
from bench.backbones.layers import Head, Trunk, embedding, inside
from bench.backbones.sampling import Noise, Sampling, sample
from bench.errors import BenchError
from bench.tokens import Tokens


class Randomised(Backbone):
    """p(codes | class) = Π_t p(code_t | codes before t, class), row by row: RAR (Yu et al. 2024).

    In training the codes of a sample are permuted with a chance that falls from 1 to 0 (§3.2), so that each code
    learns from all others before the order is raster in the end. For the transformer to know whose turn it is, the
    embedding of a code is summed with that of its own place and that of the place of the next one (§3.3, target-aware
    positional embedding); the class, which comes first, with that of the first one.

    Attributes:
        cached: whether keys and values are kept while sampling, instead of computed again at every step.
        annealed: shares of the training between which the chance falls, in a straight line: the paper's epochs
            200 and 300 of 400. What is not trained by ``bench.training.train`` stays at the first.
        chance: of a permutation, now.
    """

    cached = True
    annealed = (0.5, 0.75)
    chance = 1.0

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        if len(structure.sizes) != 1:
            raise BenchError(f"randomised order models one codebook, not {len(structure.sizes)}; use depthwise")
        super().__init__(structure, size, classes)
        (codes,), (positions,) = structure.sizes, structure.positions
        self.embedding = embedding(codes, size.width)
        self.places = embedding(positions, size.width)
        self.targets = embedding(positions, size.width)
        self.trunk = Trunk(size, positions)
        self.head = Head(size.width, codes)

    def progress(self, share: float) -> None:
        begin, end = self.annealed
        self.chance = 1 - min(1.0, max(0.0, (share - begin) / (end - begin)))

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        """Exact, in raster order; while training, in random orders as the chance has it."""
        codes = tokens.codes[0].flatten(1).to(self.device)
        if codes.shape[1] > self.places.num_embeddings:
            raise BenchError(
                f"randomised order knows {self.places.num_embeddings} places, not {codes.shape[1]}; "
                "cut the sequences shorter, or use raster"
            )
        own = inside(tokens.positions(0).to(self.device), codes.shape[1])
        order = self._order(own)
        ordered = codes.gather(1, order)
        known = self.embedding(ordered[:, :-1]) + self.places(order[:, :-1])
        hidden = self.trunk(torch.cat([start[:, None], known], dim=1) + self.targets(order))
        return (self.head.nats(hidden, ordered) * own).sum(1)

    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        (positions,) = self.structure.positions
        uniform = noise.uniform(positions)
        copies = len(start) // len(noise)
        cache = self.trunk.cache() if self.cached else None
        embedded, codes = start[:, None] + self.targets.weight[0], []
        for position in range(positions):
            hidden = self.trunk(embedded[:, -1:] if self.cached else embedded, cache=cache)[:, -1]
            codes.append(sample(self.head(hidden), sampling, uniform[:, position]))
            if position + 1 < positions:
                places = self.places.weight[position] + self.targets.weight[position + 1]
                following = self.embedding(codes[-1]).repeat(copies, 1) + places
                embedded = torch.cat([embedded, following[:, None]], dim=1)
        return self.structure.tokens([torch.stack(codes, 1)])

    def _order(self, own: torch.Tensor) -> torch.Tensor:
        """The place whose turn it is at each step, int64 ``[batch, positions]``; padding comes last, in any order."""
        raster = torch.arange(own.shape[1], device=own.device).expand(own.shape)
        if not self.training:
            return raster
        shuffled = torch.rand(own.shape, device=own.device).masked_fill(~own, 2.0).argsort(1)
        return torch.where(torch.rand(len(own), 1, device=own.device) < self.chance, shuffled, raster)
