"""Rates of tokens whatever the modality: a rate of each sample, and bits after entropy coding."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from bench.contracts.stats import MAX_BLOCKS, Estimate
from bench.contracts.tokens import TokenKind
from bench.metrics.base import Batch, PerSampleMetric
from bench.metrics.codebook import count_note
from bench.metrics.counts import NO_BITS, CodeCounter, TokenMetric, blocks_of

STATE_RATE = "state the nominal rate with --rate"


class RateMetric(TokenMetric, PerSampleMetric):
    """A rate per sample; where it is the same for every sample it is exact, with an error of 0."""

    def samples(self) -> dict[str, np.ndarray]:
        return {} if self.why_undefined else super().samples()

    def compute(self) -> dict[str, Estimate]:
        if reason := self.why_undefined:
            return {name: self.unavailable(name, reason) for name in self.outputs}
        return {name: self._exact(name, estimate) for name, estimate in super().compute().items()}

    def _exact(self, name: str, estimate: Estimate) -> Estimate:
        values = self.samples()[name]
        if self.seen_kind == "bytes" or values.min() < values.max():
            return estimate
        value = float(values[0])
        exact = {"value": value, "stderr": 0.0, "interval": (value, value), "method": "the same for every sample"}
        return estimate.model_copy(update=exact)


class EntropyRate(CodeCounter):
    """Bits per amount of signal after ideal entropy coding with each level's own frequencies over the set.

    Σ_levels (codes of the level · its empirical entropy in bits) / amount. It is what a static first-order
    coder that is given the frequencies would need; a coder with context needs less. Subclasses define the amount.
    """

    undefined: ClassVar[Mapping[TokenKind, str]] = {
        **NO_BITS,
        "bytes": "a codec's bytes are already entropy-coded",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.amounts: torch.Tensor
        self.add_state("amounts", default=torch.zeros(MAX_BLOCKS, dtype=torch.float64), dist_reduce_fx="sum")

    @abstractmethod
    def amount(self, batch: Batch) -> torch.Tensor:
        """Amount of signal of each sample, float64 ``[batch]``, that the bits are divided by."""

    def update(self, batch: Batch) -> None:
        super().update(batch)
        blocks = blocks_of(batch.group).to(self.amounts.device)
        self.amounts.index_add_(0, blocks, self.amount(batch).to(self.amounts))

    def compute(self) -> dict[str, Estimate]:
        (name,) = self.outputs
        if reason := self.why_undefined:
            return {name: self.unavailable(name, reason)}
        levels = [self.histogram(level) for level in range(len(self.codebooks))]
        amounts = self.amounts.cpu().numpy()
        bits = sum(h.tokens * h.entropy for h in levels) / math.log(2)
        bits_without = sum(h.tokens_without(MAX_BLOCKS) * h.entropy_without(MAX_BLOCKS) for h in levels) / math.log(2)
        rest = np.maximum(amounts.sum() - amounts, np.finfo(float).tiny)
        estimate = self.jackknife(float(bits / amounts.sum()), bits_without / rest)
        note = count_note(levels, [book.size for book in self.codebooks])
        return {name: self.describe(name, estimate, note)}
