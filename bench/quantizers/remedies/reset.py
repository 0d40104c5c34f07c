"""Unused codewords put beside used ones."""

from __future__ import annotations

import torch

from bench.errors import BenchError, whole_number
from bench.quantizers.remedies.base import Remedy, counted

NOISE = 0.01
"""Standard deviation of the step from one codeword to the one put beside it, as a share of that of the vectors."""
LONGEST = 10**9
"""The largest number of steps between two resets."""


class Reset(Remedy):
    """Rarely used codewords are put beside often used ones (HQA, Williams et al. 2020, arXiv 2002.08111).

    Uses are counted over ``every`` steps. Then the rarest codeword goes beside the most used one, the second rarest
    beside the second most used one, and so on, as far as codewords are rare; where more are rare than used, several
    go beside one. HQA moves a single codeword at a time (``at_once=1``), which gives a short training of many codewords
    too few moves, and its noise is absolute; here it is relative to the vectors.

    Args:
        size: number of codewords.
        dim: dimensions of the vectors.
        threshold: share of the uses of the most used codeword below which a codeword is rare.
        every: steps over which uses are counted.
        at_once: the largest number of codewords that are moved at once; all that are rare if not given.
    """

    counts: torch.Tensor
    steps: torch.Tensor

    def __init__(
        self, size: int, dim: int, threshold: float = 0.03, every: int = 25, at_once: int | None = None
    ) -> None:
        super().__init__(size, dim)
        if not 0 < threshold <= 1:
            raise BenchError(f"threshold={threshold}: write a number above 0, up to 1")
        self.threshold = threshold
        self.every = whole_number("steps between resets (every)", every, 1, LONGEST)
        self.at_once = size if at_once is None else whole_number("codewords moved at once (at_once)", at_once, 1, size)
        self.register_buffer("counts", torch.zeros(size))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def upkeep(
        self, weight: torch.Tensor, vectors: torch.Tensor, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor | None:
        self.counts += counted(codes, self.size)
        self.steps += 1
        if int(self.steps) % self.every:
            return None
        order = self.counts.argsort(stable=True)
        is_rare = self.counts[order] < self.threshold * self.counts.max()
        rare, used = order[is_rare][: self.at_once], order[~is_rare].flip(0)
        self.counts.zero_()
        if not len(rare):
            return None
        beside = used[torch.arange(len(rare), device=used.device) % len(used)]
        scale = NOISE * vectors.var(0, correction=0).mean().sqrt()
        noise = torch.randn(len(rare), weight.shape[1], generator=generator).to(weight)
        weight[rare] = weight[beside] + scale * noise
        return rare
