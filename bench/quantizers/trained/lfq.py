"""Lookup-free quantization, trained: the signs of a projection are the code."""

from __future__ import annotations

import torch

from bench.errors import number_above_zero, number_from_zero, whole_number
from bench.quantizers.base import LEARNED_BITS
from bench.quantizers.trained.bit_entropy import entropy_of_bits, entropy_of_codes
from bench.quantizers.trained.implicit import ImplicitBottleneck
from bench.quantizers.trained.learned import BITS


class TrainedLFQ(ImplicitBottleneck):
    """LFQ (Yu et al. 2023, arXiv 2310.05737; survey §2.6, eqs. 17 to 19), with its entropy penalty.

    Each coordinate is replaced by its sign, zero by -1. The penalty is the mean entropy of the soft assignments of
    latents to codewords, minus the entropy of their mean (eq. 4 of the paper). A soft assignment is the softmax of
    minus the squared distances over the temperature.

    Args:
        width: dimensions of a latent.
        bits: bits of a token.
        entropy: weight of the penalty.
        diversity: weight of the entropy of the mean, within the penalty.
        temperature: of the soft assignments.
        commitment: weight of the mean squared distance of coordinates to their signs.
    """

    def __init__(
        self,
        width: int,
        bits: int = BITS,
        entropy: float = 0.1,
        diversity: float = 1.0,
        temperature: float = 0.01,
        commitment: float = 0.25,
    ) -> None:
        super().__init__(width, (2,) * whole_number("bits of a token", bits, 1, LEARNED_BITS), commitment)
        self.entropy = number_from_zero("entropy", entropy)
        self.diversity = number_from_zero("diversity", diversity)
        self.temperature = number_above_zero("temperature", temperature)

    def bounded(self, projected: torch.Tensor) -> torch.Tensor:
        return projected

    def digits(self, bounded: torch.Tensor) -> torch.Tensor:
        return (bounded > 0).long()

    def values(self, digits: torch.Tensor) -> torch.Tensor:
        return 2.0 * digits - 1

    def penalty(self, bounded: torch.Tensor) -> torch.Tensor:
        # |z - c|² is a sum over coordinates, so the softmax over codewords is a product of sigmoids.
        value = self.values(torch.ones((), dtype=torch.int64, device=bounded.device))
        logits = 4 * value / self.temperature * bounded.flatten(0, -2)
        return self.entropy * (entropy_of_bits(logits).mean() - self.diversity * self.diverse(logits))

    def diverse(self, logits: torch.Tensor) -> torch.Tensor:
        """The entropy in nats, a scalar, of the mean of soft assignments with such logits of bits ``[n, bits]``."""
        return entropy_of_codes(logits)
