"""The delay pattern over the codebooks of sound."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.backbones.base import Backbone, Size, Structure
from bench.backbones.layers import Head, Trunk, embedding, inside
from bench.backbones.sampling import Noise, Sampling, sample
from bench.errors import BenchError
from bench.tokens import Tokens


class Delay(Backbone):
    """Level k of a frame is predicted k steps after level 0, all levels of a step at once: MusicGen's delay pattern.

    Copet et al. 2023, §2.2. In step s stand the codes ``code_{s-k,k}``; given the steps before, they are
    independent of each other, so the product of their probabilities is the likelihood of this model, exact.
    Where a level has no code yet, or none any more, stands a special one, which costs nothing.

    Attributes:
        cached: whether keys and values are kept while sampling.
    """

    cached = True

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        super().__init__(structure, size, classes)
        grid = structure.grid_of_all("delay")
        if len(grid) != 1:
            raise BenchError(f"the delay pattern is of sequences, not of grids {grid}; use depthwise")
        # The last row of each table is the special code.
        self.embeddings = nn.ModuleList(embedding(codes + 1, size.width) for codes in structure.sizes)
        self.steps = grid[0] + len(structure.sizes) - 1
        self.trunk = Trunk(size, self.steps)
        self.heads = nn.ModuleList(Head(size.width, codes) for codes in structure.sizes)

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        codes = [level.to(self.device) for level in tokens.codes]
        positions, levels = codes[0].shape[1], len(codes)
        own = [inside(tokens.positions(level).to(self.device), positions) for level in range(levels)]
        # Beyond its own length a clip has the special code: what padding holds must not reach the upper levels.
        delayed = [
            F.pad(code.masked_fill(~mine, special), (level, levels - 1 - level), value=special)
            for level, (code, mine, special) in enumerate(zip(codes, own, self.structure.sizes, strict=True))
        ]
        embedded = sum(table(code[:, :-1]) for table, code in zip(self.embeddings, delayed, strict=True))
        assert isinstance(embedded, torch.Tensor)
        hidden = self.trunk(torch.cat([start[:, None], embedded], dim=1))
        costs = [
            head.nats(hidden[:, level : level + positions], codes[level]) * own[level]
            for level, head in enumerate(self._heads())
        ]
        return torch.stack(costs).sum((0, 2))

    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        positions, sizes = self.structure.positions[0], self.structure.sizes
        uniform = noise.uniform(self.steps, len(sizes))
        copies = len(start) // len(noise)
        cache = self.trunk.cache() if self.cached else None
        embedded = start[:, None]
        codes: list[list[torch.Tensor]] = [[] for _ in sizes]
        for step in range(self.steps):
            hidden = self.trunk(embedded[:, -1:] if self.cached else embedded, cache=cache)[:, -1]
            total = torch.zeros_like(hidden)
            for level, head in enumerate(self._heads()):
                if 0 <= step - level < positions:
                    code = sample(head(hidden), sampling, uniform[:, step, level])
                    codes[level].append(code)
                else:
                    code = torch.full((len(noise),), sizes[level], device=self.device)
                total = total + self.embeddings[level](code).repeat(copies, 1)
            embedded = torch.cat([embedded, total[:, None]], dim=1)
        return self.structure.tokens([torch.stack(level, 1) for level in codes])

    def _heads(self) -> list[Head]:
        return [head for head in self.heads if isinstance(head, Head)]
