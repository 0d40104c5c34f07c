"""Next-scale prediction over multi-scale codes."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from bench.backbones import layers
from bench.backbones.base import Backbone, Size, Structure
from bench.backbones.layers import Head, Places, Trunk, embedding
from bench.backbones.sampling import Noise, Sampling, sample
from bench.contracts.tokens import Tokens
from bench.errors import BenchError


class NextScale(Backbone):
    """p(codes | class) = Π_k p(codes of scale k | codes of the scales before, class): VAR (Tian et al. 2024, §3.2).

    All codes of a scale are predicted at once, and given the scales before they are independent of each other, so the
    product of their probabilities is the exact likelihood of this model. What stands at the places of a scale is the
    sum of the embeddings of all scales before, each interpolated to the finest grid (``bicubic``), then averaged over
    the areas of the scale's grid (``area``), as the quantizer does it; at the first scale, the class. A position sees
    its own scale and the ones before. VAR embeds the quantizer's codewords, with one head for all scales, and gives
    the class to every layer; here, where codes are all that is known, every scale has an embedding table and a head
    of its own, since the codebooks may differ.

    Attributes:
        cached: whether the keys and values of the scales before are kept while sampling.
    """

    cached = True

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        if len(structure.sizes) == 1:
            raise BenchError("nextscale needs several scales; use raster, or a tokenizer such as klt-msvq")
        if not structure.sizes or not structure.grows:
            raise BenchError(
                "nextscale needs codes on grids of rows and columns, each as large as the one before or larger, not "
                f"{', '.join(map(str, structure.grids))}"
            )
        super().__init__(structure, size, classes)
        self.embeddings = nn.ModuleList(embedding(codes, size.width) for codes in structure.sizes)
        self.places = nn.ModuleList(Places(grid, size.width) for grid in structure.grids)
        self.scales = nn.Parameter(0.02 * torch.randn(len(structure.sizes), size.width))
        # Products, because the gradient of interpolation is not the same twice on a GPU.
        self.finest = structure.grids[-1]
        for grid in set(structure.grids) - {self.finest}:
            self.register_buffer(_named("up", grid), resampling(grid, self.finest, "bicubic"), persistent=False)
            self.register_buffer(_named("down", grid), resampling(self.finest, grid, "area"), persistent=False)
        self.trunk = Trunk(size, sum(structure.positions))
        self.heads = nn.ModuleList(Head(size.width, codes) for codes in structure.sizes)

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        codes = [level.flatten(1).to(self.device) for level in tokens.codes]
        total, inputs = self._nothing(len(start)), [self._first(start)]
        for level, following in pairwise(range(len(codes))):
            total = total + self._enlarged(level, codes[level])
            inputs.append(self._input(following, total))
        hidden = self.trunk(torch.cat(inputs, dim=1), mask=self._mask(len(codes)))
        parts = hidden.split(list(self.structure.positions), dim=1)
        costs = [head.nats(part, code) for head, part, code in zip(self._heads(), parts, codes, strict=True)]
        return torch.cat(costs, dim=1).sum(1)

    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        copies = len(start) // len(noise)
        cache = self.trunk.cache() if self.cached else None
        total, inputs, codes = self._nothing(len(noise)), self._first(start), []
        for level, (head, count) in enumerate(zip(self._heads(), self.structure.positions, strict=True)):
            mask = self._mask(level + 1)
            if self.cached:
                hidden = self.trunk(inputs[:, -count:], mask=mask[:, :, -count:], cache=cache)
            else:
                hidden = self.trunk(inputs, mask=mask)[:, -count:]
            codes.append(self._sampled(head, hidden, noise.uniform(count), sampling))
            self.stepped()
            if level + 1 < len(self.structure.sizes):
                total = total + self._enlarged(level, codes[-1])
                inputs = torch.cat([inputs, self._input(level + 1, total).repeat(copies, 1, 1)], dim=1)
        return self.structure.tokens(codes)

    def _sampled(self, head: Head, hidden: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        """Codes of a scale, a few positions at a time where the codebook is large."""
        step = max(1, layers.LOGITS // (len(hidden) * head.linear.out_features))
        parts = zip(hidden.split(step, dim=1), uniform.split(step, dim=1), strict=True)
        return torch.cat([sample(head(part), sampling, numbers) for part, numbers in parts], dim=1)

    def _nothing(self, batch: int) -> torch.Tensor:
        """What the embeddings are added to, ``[batch, positions of the finest grid, width]``."""
        return torch.zeros(batch, self.structure.positions[-1], self.size.width, device=self.device)

    def _first(self, start: torch.Tensor) -> torch.Tensor:
        """The input at the places of the first scale, ``[batch, positions, width]``."""
        (count, *_) = self.structure.positions
        placed: torch.Tensor = start[:, None] + self.scales[0] + self.places[0](count)
        return placed

    def _input(self, level: int, total: torch.Tensor) -> torch.Tensor:
        """The input at the places of a later scale, from the sum of the embeddings of those before."""
        grid = self.structure.grids[level]
        averages = total if grid == self.finest else self.get_buffer(_named("down", grid)) @ total
        placed: torch.Tensor = averages + self.scales[level] + self.places[level](self.structure.positions[level])
        return placed

    def _enlarged(self, level: int, codes: torch.Tensor) -> torch.Tensor:
        """Embeddings of a scale's codes, interpolated to the finest grid."""
        grid, embedded = self.structure.grids[level], self.embeddings[level](codes)
        enlarged: torch.Tensor = embedded if grid == self.finest else self.get_buffer(_named("up", grid)) @ embedded
        return enlarged

    def _mask(self, levels: int) -> torch.Tensor:
        """Which position of the first scales sees which, ``[1, 1, length, length]``: its own scale and those before."""
        counts = torch.tensor(self.structure.positions[:levels], device=self.device)
        scale = torch.arange(levels, device=self.device).repeat_interleave(counts)
        return (scale[:, None] >= scale)[None, None]

    def _heads(self) -> list[Head]:
        return [head for head in self.heads if isinstance(head, Head)]


def _named(way: str, grid: tuple[int, ...]) -> str:
    return f"{way}_{'x'.join(map(str, grid))}"


def resampling(grid: tuple[int, ...], size: tuple[int, ...], mode: str) -> torch.Tensor:
    """The matrix ``[positions of size, positions of grid]`` that interpolates vectors of one grid to another."""
    units = torch.eye(math.prod(grid)).unflatten(1, grid)[:, None]
    return F.interpolate(units, size, mode=mode).flatten(1).mT.contiguous()
