"""Residual vector quantization, trained: level by level, each codes what the ones before left."""

from __future__ import annotations

from typing import Any

from bench.quantizers.trained.grouped_residual import TrainedGroupedRVQ
from bench.quantizers.trained.learned import BITS


class TrainedRVQ(TrainedGroupedRVQ):
    """RVQ (Zeghidour et al. 2021, arXiv 2107.03312; survey §2.2): one group of ``TrainedGroupedRVQ``.

    Args:
        width: dimensions of a latent.
        bits: bits of a token, shared by the levels; where they do not divide, the first levels have a bit more.
        levels: codebooks, one after the other.
        dropout: share of the samples of a step that are trained with the leading levels alone, as many of them as is
            drawn from 1 to all.
        recipe: how the codebooks are trained; see ``LearnedBottleneck``.
    """

    def __init__(self, width: int, bits: int = BITS, levels: int = 2, dropout: float = 0.0, **recipe: Any) -> None:
        super().__init__(width, bits, 1, levels, dropout, **recipe)
