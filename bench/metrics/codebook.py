"""Codebook use over the whole evaluated set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from bench.contracts.stats import MAX_BLOCKS, Estimate
from bench.contracts.tokens import TokenKind
from bench.metrics.counts import CodeCounter, Histogram

# Tokens per entry below which the plug-in estimates are visibly biased low.
ENOUGH_TOKENS = 10


class CodebookUse(CodeCounter, line="codebook"):
    """Utilization, perplexity and entropy of the codes.

    - ``codebook_utilization``: entries used at least once over the codebook's size, in [0, 1].
    - ``codebook_entropy``: empirical entropy H in bits per code, at most log2 of the size.
    - ``codebook_perplexity``: 2^H, the number of equally frequent entries with the same entropy.

    With several levels, each counted apart, the headline is the mean over the levels of utilization and
    entropy, and the geometric mean of perplexity, so that it stays 2^entropy. Then each level has its
    own value, suffix ``_level_0`` and on, and so has the tuple of all levels' codes at one position,
    suffix ``_joint``, whose codebook is the product of theirs.
    """

    undefined: ClassVar[Mapping[TokenKind, str]] = {
        "continuous": "continuous tokens have no codebook",
        "bytes": "a codec's bytes have no codebook",
    }
    joint = True

    def compute(self) -> dict[str, Estimate]:
        if reason := self.why_undefined:
            return {name: self.unavailable(name, reason) for name in self.outputs}
        levels = [self.histogram(level) for level in range(len(self.codebooks))]
        sizes = [book.size for book in self.codebooks]
        estimates = self._estimates("", levels, sizes)
        if len(levels) > 1:
            for level, (histogram, size) in enumerate(zip(levels, sizes, strict=True)):
                estimates |= self._estimates(f"_level_{level}", [histogram], [size])
            if self.unequal_grids:
                reason = "the levels do not share one grid, so their codes form no tuples"
                estimates |= {f"{name}_joint": self.unavailable(name, reason) for name in self.outputs}
            else:
                estimates |= self._estimates("_joint", [self.histogram(None)], [math.prod(sizes)])
        return estimates

    def _estimates(self, suffix: str, levels: Sequence[Histogram], sizes: Sequence[int]) -> dict[str, Estimate]:
        """Estimates of some levels: the mean of each statistic over them, with and without each block."""
        used = np.mean([h.distinct / size for h, size in zip(levels, sizes, strict=True)])
        used_without = np.mean(
            [h.distinct_without(MAX_BLOCKS) / size for h, size in zip(levels, sizes, strict=True)], axis=0
        )
        nats = np.mean([h.entropy for h in levels])
        nats_without = np.mean([h.entropy_without(MAX_BLOCKS) for h in levels], axis=0)
        estimates = {
            "codebook_utilization": self.jackknife(float(used), used_without),
            "codebook_perplexity": self.jackknife(math.exp(nats), np.exp(nats_without)),
            "codebook_entropy": self.jackknife(float(nats) / math.log(2), nats_without / math.log(2)),
        }
        note = count_note(levels, sizes)
        return {name + suffix: self.describe(name, estimate, note) for name, estimate in estimates.items()}


def count_note(levels: Sequence[Histogram], sizes: Sequence[int]) -> str:
    """A note on how many tokens the counts rest on, and whether they are too few."""
    note = f"{sum(h.tokens for h in levels)} tokens"
    if any(h.tokens < ENOUGH_TOKENS * size for h, size in zip(levels, sizes, strict=True)):
        note += f"; fewer than {ENOUGH_TOKENS} per codebook entry, so the value is biased low"
    return note
