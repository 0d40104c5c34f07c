"""Depth-wise prediction over residual codebooks."""

from __future__ import annotations

import torch
from torch import nn

from bench.backbones.base import Size, Structure
from bench.backbones.causal import Causal
from bench.backbones.layers import Head, Places, Trunk, embedding, inside
from bench.backbones.sampling import Sampling, sample
from bench.contracts.tokens import Tokens

SPATIAL_TO_DEPTH = 6
"""Layers of the spatial transformer for each one of the depth transformer, as in the paper's models (24 and 4)."""


class Depthwise(Causal):
    """p(codes | class) = Π_t Π_d p(code_td | codes before t, codes of t above d, class): RQ-Transformer.

    Lee et al. 2022, §3.2: a spatial transformer reads ``u_t = Σ_d e(code_{t-1,d})``, the class in place of
    ``u_1``, and gives ``h_t``; a depth transformer reads ``v_t1 = h_t``, ``v_td = Σ_{d'<d} e(code_td')``. Here
    every level has an embedding table and a head of its own, since the codebooks may differ in size. The spatial
    transformer is the trunk.
    """

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        super().__init__(structure, size, classes)
        grid = structure.grid_of_all("depthwise")
        self.embeddings = nn.ModuleList(embedding(codes, size.width) for codes in structure.sizes)
        self.places = Places(grid, size.width)
        self.depths = nn.Parameter(0.02 * torch.randn(len(structure.sizes), size.width))
        self.trunk = Trunk(size, structure.positions[0])
        self.depth = Trunk(size, len(structure.sizes), max(1, size.depth // SPATIAL_TO_DEPTH))
        self.heads = nn.ModuleList(Head(size.width, codes) for codes in structure.sizes)

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        codes = [level.flatten(1).to(self.device) for level in tokens.codes]
        batch, positions = codes[0].shape
        unpadded = inside(tokens.positions(0).to(self.device), positions)
        # Σ_{d' ≤ d} of the embeddings of each position, [batch, positions, levels, width].
        sums = torch.stack([table(code) for table, code in zip(self.embeddings, codes, strict=True)], 2).cumsum(2)
        before = torch.cat([start[:, None], sums[:, :-1, -1]], dim=1)
        hidden = self.trunk(before + self.places(positions))
        within = torch.cat([hidden[:, :, None], sums[:, :, :-1]], dim=2) + self.depths
        deep = self.depth(within.flatten(0, 1)).unflatten(0, (batch, positions))
        costs = [head.nats(deep[:, :, level], codes[level]) for level, head in enumerate(self._heads())]
        return (torch.stack(costs, -1).sum(-1) * unpadded).sum(1)

    def embedded(self, rows: torch.Tensor) -> torch.Tensor:
        codes = rows.unbind(-1)
        return torch.stack([table(code) for table, code in zip(self.embeddings, codes, strict=True)]).sum(0)

    def draw_row(self, hidden: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        copies = len(hidden) // len(uniform)
        within, codes, total = hidden[:, None], [], torch.zeros_like(hidden)
        for level, head in enumerate(self._heads()):
            deep = self.depth(within + self.depths[: level + 1])[:, -1]
            codes.append(sample(head(deep), sampling, uniform[:, level]))
            total = total + self.embeddings[level](codes[-1]).repeat(copies, 1)
            within = torch.cat([within, total[:, None]], dim=1)
        return torch.stack(codes, 1)

    def _heads(self) -> list[Head]:
        return [head for head in self.heads if isinstance(head, Head)]
