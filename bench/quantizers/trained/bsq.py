"""Binary spherical quantization, trained: the signs of a projection to the unit sphere."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from bench.quantizers.trained.bit_entropy import entropy_of_mean_bits
from bench.quantizers.trained.learned import BITS
from bench.quantizers.trained.lfq import TrainedLFQ


class TrainedBSQ(TrainedLFQ):
    """BSQ (Zhao et al. 2024, arXiv 2406.07548; survey §2.7, eq. 20), with its entropy penalty.

    The projected latent is scaled to the unit sphere, and each of its coordinates replaced by its sign over the root
    of ``bits``. The penalty is that of LFQ, but the entropy of the mean assignment is the sum over its bits, as if
    they were independent. The sphere bounds the error, so there is no commitment loss unless it is asked for.

    Args:
        width: dimensions of a latent.
        bits: bits of a token.
        entropy: weight of the penalty.
        diversity: weight of the entropy of the mean, within the penalty.
        temperature: of the soft assignments.
        commitment: weight of the mean squared distance of coordinates to their values.
    """

    def __init__(
        self,
        width: int,
        bits: int = BITS,
        entropy: float = 0.1,
        diversity: float = 1.0,
        temperature: float = 1.0,
        commitment: float = 0.0,
    ) -> None:
        super().__init__(width, bits, entropy, diversity, temperature, commitment)

    def bounded(self, projected: torch.Tensor) -> torch.Tensor:
        return F.normalize(projected, dim=-1)

    def values(self, digits: torch.Tensor) -> torch.Tensor:
        return super().values(digits) / math.sqrt(len(self.levels))

    def diverse(self, logits: torch.Tensor) -> torch.Tensor:
        return entropy_of_mean_bits(logits)
