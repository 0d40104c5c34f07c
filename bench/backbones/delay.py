"""The delay pattern over the codebooks of audio."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.backbones.base import Size, Structure
from bench.backbones.causal import OPEN, Causal
from bench.backbones.layers import Head, Places, Trunk, embedding, inside
from bench.backbones.sampling import Sampling, sample
from bench.contracts.tokens import Tokens
from bench.errors import BenchError


class Delay(Causal):
    """Level k of a frame is predicted k steps after level 0, all levels of a step at once: MusicGen's delay pattern.

    Copet et al. 2023, §2.2. In step s stand the codes ``code_{s-k,k}``; given the steps before, they are
    independent of each other, so the product of their probabilities is the exact likelihood of this model.
    Where a level has no code yet, or no more codes, a special one stands, which costs nothing.

    After a prompt, the upper levels of its last positions stand in steps in which lower levels are drawn: they are
    set there, as MusicGen does, and reach what is drawn in later steps; what was drawn before did not know them.
    """

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        super().__init__(structure, size, classes)
        grid = structure.grid_of_all("delay")
        if len(grid) != 1:
            raise BenchError(f"the delay pattern models sequences, not grids {grid}; use depthwise")
        # The last row of each table is the special code.
        self.embeddings = nn.ModuleList(embedding(codes + 1, size.width) for codes in structure.sizes)
        self.places = Places(grid, size.width)
        self.trunk = Trunk(size, grid[0] + len(structure.sizes) - 1)
        self.heads = nn.ModuleList(Head(size.width, codes) for codes in structure.sizes)

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        codes = [level.to(self.device) for level in tokens.codes]
        positions, levels = codes[0].shape[1], len(codes)
        unpadded = [inside(tokens.positions(level).to(self.device), positions) for level in range(levels)]
        # Beyond its own length a clip has the special code: what padding holds must not reach the upper levels.
        delayed = [
            F.pad(code.masked_fill(~mine, special), (level, levels - 1 - level), value=special)
            for level, (code, mine, special) in enumerate(zip(codes, unpadded, self.structure.sizes, strict=True))
        ]
        embedded = sum(table(code[:, :-1]) for table, code in zip(self.embeddings, delayed, strict=True))
        assert isinstance(embedded, torch.Tensor)
        hidden = self.trunk(torch.cat([start[:, None], embedded], dim=1))
        costs = [
            head.nats(hidden[:, level : level + positions], codes[level]) * unpadded[level]
            for level, head in enumerate(self._heads())
        ]
        return torch.stack(costs).sum((0, 2))

    def embedded(self, rows: torch.Tensor) -> torch.Tensor:
        codes = rows.unbind(-1)
        return torch.stack([table(code) for table, code in zip(self.embeddings, codes, strict=True)]).sum(0)

    def draw_row(self, hidden: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        codes = [sample(head(hidden), sampling, uniform[:, level]) for level, head in enumerate(self._heads())]
        return torch.stack(codes, 1)

    def rows(self, prompt: torch.Tensor, positions: int) -> torch.Tensor:
        sizes = self.structure.sizes
        rows = torch.tensor(sizes, device=prompt.device).repeat(len(prompt), positions + len(sizes) - 1, 1)
        for level in range(len(sizes)):
            rows[:, level : level + positions, level] = OPEN
            rows[:, level : level + prompt.shape[1], level] = prompt[..., level]
        return rows

    def levels(self, rows: torch.Tensor) -> list[torch.Tensor]:
        positions = rows.shape[1] - rows.shape[2] + 1
        return [rows[:, level : level + positions, level] for level in range(rows.shape[2])]

    def _heads(self) -> list[Head]:
        return [head for head in self.heads if isinstance(head, Head)]
