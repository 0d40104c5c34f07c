"""What paradigms share that draw step by step, and so can continue a prompt."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import nn

from bench.backbones.base import PLAIN, Backbone
from bench.backbones.layers import Trunk
from bench.backbones.sampling import Noise, Sampling
from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.errors import BenchError

OPEN = -1
"""Marks a code of a row that is still to be drawn."""


class Causal(Backbone):
    """A backbone whose trunk reads rows of codes in order, and draws each from the hidden state before it.

    A row holds a code of every level, in the paradigm's own order: int64 ``[n, levels]``.

    Attributes:
        cached: whether the trunk's keys and values are kept while sampling, instead of computed again at every step.
        trunk: reads the condition, then the rows.
        places: function of a number of positions; returns what is added to the condition and then to each row
            but the last, ``[positions, width]``.
    """

    continues = True
    cached = True
    trunk: Trunk
    places: nn.Module

    @abstractmethod
    def embedded(self, rows: torch.Tensor) -> torch.Tensor:
        """Embeddings ``[n, count, width]`` of rows ``[n, count, levels]``, before places are added."""

    @abstractmethod
    def draw_row(self, hidden: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        """A row ``[n, levels]`` from the trunk's state before it.

        Args:
            hidden: ``[n, width]``, under guidance ``[2n, width]``.
            uniform: random numbers ``[n, levels]``.
        """

    def rows(self, prompt: torch.Tensor, positions: int) -> torch.Tensor:
        """Rows ``[n, steps, levels]`` of so many positions, the prompt ``[n, known, levels]`` in its place."""
        rows = prompt.new_full((prompt.shape[0], positions, prompt.shape[2]), OPEN)
        rows[:, : prompt.shape[1]] = prompt
        return rows

    def levels(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Codes ``[n, positions]`` of each level from all rows."""
        return list(rows.unbind(-1))

    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        empty = torch.empty(len(noise), 0, len(self.structure.sizes), dtype=torch.int64, device=self.device)
        return self.structure.tokens(self._drawn(start, empty, self.structure.positions[0], noise, sampling))

    @torch.no_grad()
    def extend(
        self,
        prompt: Tokens,
        positions: int,
        seed: int,
        conditions: torch.Tensor | None = None,
        sampling: Sampling = PLAIN,
        first: int = 0,
    ) -> Tokens:
        if any(len(grid) != 1 for grid in self.structure.grids):
            raise BenchError(f"only sequences can be continued, not grids {self.structure.grids[0]}; use generate")
        if positions < 1:
            raise BenchError(f"positions={positions}: draw at least one after the prompt")
        self._counts(prompt)
        prompt.check(tuple(Codebook(size, "a position") for size in self.structure.sizes))
        counts = {count for level in range(len(prompt.codes)) for count in prompt.positions(level).tolist()}
        if len(counts) > 1:
            raise TokenError("prompts of a batch, and their levels, need one length; cut them, or extend one by one")
        prompted = max(counts, default=0)
        codes = torch.stack([level[:, :prompted] for level in prompt.codes], -1).to(self.device)
        total = prompted + positions
        with self._sampling(len(codes), seed, conditions, sampling, first) as (start, noise):
            return self.structure.resized(total).tokens(self._drawn(start, codes, total, noise, sampling))

    def _drawn(
        self, start: torch.Tensor, prompt: torch.Tensor, positions: int, noise: Noise, sampling: Sampling
    ) -> list[torch.Tensor]:
        """Codes ``[n, positions]`` of each level, the prompt's ``[n, known, levels]`` first.

        Args:
            start: as of :meth:`draw`.
        """
        prompted, copies = prompt.shape[1], len(start) // len(noise)
        rows = self.rows(prompt, positions)
        steps = rows.shape[1]
        uniform, places = noise.uniform(steps, rows.shape[2]), self.places(steps)
        cache = self.trunk.cache() if self.cached else None
        seen = torch.cat([start[:, None], self.embedded(rows[:, :prompted]).repeat(copies, 1, 1)], dim=1)
        for step in range(prompted, steps):
            hidden = self.trunk(seen + places[step + 1 - seen.shape[1] : step + 1], cache=cache)[:, -1]
            drawn = self.draw_row(hidden, uniform[:, step], sampling)
            rows[:, step] = torch.where(rows[:, step] == OPEN, drawn, rows[:, step])
            self.stepped()
            following = self.embedded(rows[:, step : step + 1]).repeat(copies, 1, 1)
            # What the cache holds is not read again.
            seen = following if self.cached else torch.cat([seen, following], dim=1)
        return self.levels(rows)
