"""Product quantization, trained: parts of the latent, each with a codebook of its own."""

from __future__ import annotations

from typing import Any

from bench.quantizers.trained.grouped_residual import TrainedGroupedRVQ
from bench.quantizers.trained.learned import BITS


class TrainedPQ(TrainedGroupedRVQ):
    """PQ (Jégou et al. 2011; survey §2.3, eq. 14): one level of ``TrainedGroupedRVQ``.

    Args:
        width: dimensions of a latent.
        bits: bits of a token, shared by the parts; where they do not divide, the first parts have a bit more.
        parts: parts of equal dimension that a latent is cut into.
        recipe: how the codebooks are trained; see ``LearnedBottleneck``.
    """

    def __init__(self, width: int, bits: int = BITS, parts: int = 2, **recipe: Any) -> None:
        super().__init__(width, bits, parts, 1, **recipe)
