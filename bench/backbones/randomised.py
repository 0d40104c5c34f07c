"""Autoregression trained on random orders that ends in raster order."""

from __future__ import annotations

import torch
from torch import nn

from bench.backbones.base import Size, Structure
from bench.backbones.causal import Causal
from bench.backbones.layers import Head, Trunk, embedding, inside
from bench.backbones.sampling import Sampling, sample
from bench.contracts.tokens import Tokens
from bench.errors import BenchError


class Randomised(Causal):
    """p(codes | class) = Π_t p(code_t | codes before t, class), row by row: RAR (Yu et al. 2024).

    In training the codes of a sample are permuted with a chance that falls from 1 to 0 (§3.2), so that each code
    learns from all others before the order is raster in the end. For the transformer to know whose turn it is, the
    embedding of a code is summed with that of its own place and that of the place of the next one (§3.3, target-aware
    positional embedding); the class, which comes first, with that of the first one.

    Attributes:
        annealed: shares of the training between which the chance falls, in a straight line: the paper's epochs
            200 and 300 of 400. What is not trained by ``bench.learning.training.train`` stays at the first.
        chance: current chance of a permutation.
    """

    annealed = (0.5, 0.75)
    chance = 1.0
    places: Turns

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        if len(structure.sizes) != 1:
            raise BenchError(f"randomised order models one codebook, not {len(structure.sizes)}; use depthwise")
        super().__init__(structure, size, classes)
        (codes,), (positions,) = structure.sizes, structure.positions
        self.embedding = embedding(codes, size.width)
        self.places = Turns(positions, size.width)
        self.trunk = Trunk(size, positions)
        self.head = Head(size.width, codes)

    def progress(self, share: float) -> None:
        begin, end = self.annealed
        self.chance = 1 - min(1.0, max(0.0, (share - begin) / (end - begin)))

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        """Nats of each sample ``[batch]``: exact in raster order; in training, of orders permuted by ``chance``."""
        codes = tokens.codes[0].flatten(1).to(self.device)
        self.places.check(codes.shape[1])
        unpadded = inside(tokens.positions(0).to(self.device), codes.shape[1])
        order = self._order(unpadded)
        ordered = codes.gather(1, order)
        known = self.embedding(ordered[:, :-1]) + self.places.own(order[:, :-1])
        hidden = self.trunk(torch.cat([start[:, None], known], dim=1) + self.places.targets(order))
        return (self.head.nats(hidden, ordered) * unpadded).sum(1)

    def embedded(self, rows: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.embedding(rows[..., 0])
        return embeddings

    def draw_row(self, hidden: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        return sample(self.head(hidden), sampling, uniform[:, 0])[:, None]

    def _order(self, unpadded: torch.Tensor) -> torch.Tensor:
        """The place that is predicted at each step, int64 ``[batch, positions]``; padding comes last, in any order."""
        raster = torch.arange(unpadded.shape[1], device=unpadded.device).expand(unpadded.shape)
        if not self.training:
            return raster
        shuffled = torch.rand(unpadded.shape, device=unpadded.device).masked_fill(~unpadded, 2.0).argsort(1)
        return torch.where(torch.rand(len(unpadded), 1, device=unpadded.device) < self.chance, shuffled, raster)


class Turns(nn.Module):
    """Positional embeddings that show the transformer which place is predicted next.

    Attributes:
        own: embedding of each place, added to its code.
        targets: embedding of each place, added to what is read before its code is predicted.
    """

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.own = embedding(positions, width)
        self.targets = embedding(positions, width)

    def check(self, positions: int) -> None:
        """Raise BenchError if there are more positions than places."""
        places = self.own.num_embeddings
        if positions > places:
            raise BenchError(
                f"randomised order has {places} places, not {positions}; cut the sequences shorter, or use raster"
            )

    def forward(self, positions: int) -> torch.Tensor:
        """Embeddings ``[positions, width]`` in raster order: of the condition, then of each code but the last."""
        self.check(positions)
        before = nn.functional.pad(self.own.weight[: positions - 1], (0, 0, 1, 0))
        return before + self.targets.weight[:positions]
