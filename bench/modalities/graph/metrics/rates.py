"""Rates of tokenizers of nodes: tokens and bits per node."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch

from bench.contracts.tokens import TokenKind
from bench.metrics.base import Batch
from bench.metrics.counts import NO_BITS
from bench.metrics.rates import EntropyRate, RateMetric


class TokensPerNode(RateMetric, line="tokens_per_node"):
    """Codes per node over all levels; latent vectors per node for continuous tokens."""

    undefined: ClassVar[Mapping[TokenKind, str]] = {"bytes": "bytes are not tokens; see bits_per_node"}

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        count = batch.tokens.counts
        return {"tokens_per_node": torch.full((len(batch.index),), math.nan) if count is None else count}


class BitsPerNode(RateMetric, line="bits_per_node"):
    """Nominal bits per node: log2 of the codebook's size for each code."""

    undefined: ClassVar[Mapping[TokenKind, str]] = NO_BITS

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        bits = batch.tokens.nominal_bits(self.codebooks)
        unknown = torch.full((len(batch.index),), math.nan, dtype=torch.float64)
        return {"bits_per_node": unknown if bits is None else bits}


class BitsPerNodeEntropy(EntropyRate, line="bits_per_node_entropy"):
    """Entropy rate in bits per node."""

    def amount(self, batch: Batch) -> torch.Tensor:
        return torch.ones(len(batch.index), dtype=torch.float64)
