"""Codewords and latents are matched as distributions."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from bench.errors import number_above_zero
from bench.quantizers.estimators.base import Carried, spread
from bench.quantizers.remedies.base import Remedy

ROUNDS = 3
"""Sinkhorn iterations of a step; the potentials of the step before are where they begin."""


class Transport(Remedy):
    """VQ-WAE (Vuong et al. 2023, arXiv 2302.05917): the Wasserstein distance of latents and weighted codewords.

    In place of the losses of codebook and commitment stands the entropic optimal transport cost, by squared distance,
    of the batch's latents to the codewords, whose weights are learned; the KL divergence of the uniform distribution
    to these weights keeps all codewords in use. There the dual potentials are two networks, trained for some steps
    each time; here a few Sinkhorn iterations find them, since both sides are finite.

    Args:
        weight: weight of the cost, per dimension of a latent.
        divergence: weight of the KL divergence.
        temperature: regularization of the transport, in units of the spread of a vector's squared distances.

    Raises:
        BenchError: an argument is not above zero.
    """

    averages: ClassVar[bool] = False
    commits: ClassVar[bool] = False

    potentials: torch.Tensor

    def __init__(
        self, size: int, dim: int, weight: float = 1.0, divergence: float = 0.01, temperature: float = 0.1
    ) -> None:
        super().__init__(size, dim)
        self.weight, self.divergence, self.temperature = (
            number_above_zero(name, value)
            for name, value in (("weight", weight), ("divergence", divergence), ("temperature", temperature))
        )
        self.shares = nn.Parameter(torch.zeros(size))
        self.register_buffer("potentials", torch.zeros(size))

    def loss(
        self,
        loss: torch.Tensor,
        vectors: torch.Tensor,
        codewords: torch.Tensor,
        logits: torch.Tensor,
        carried: Carried,
    ) -> torch.Tensor:
        log_shares = self.shares.log_softmax(0)
        with torch.no_grad():
            unit = self.temperature * spread(logits)
            plan, self.potentials = sinkhorn(logits / unit, log_shares, self.potentials)
        # At the optimum, the gradient of the cost in distances is the plan, and in weights the potentials.
        cost = -(plan * logits).sum() + unit * (self.potentials * log_shares.exp()).sum()
        divergence = -log_shares.mean() - math.log(self.size)
        return self.weight * cost / self.dim + self.divergence * divergence


def sinkhorn(
    logits: torch.Tensor, log_shares: torch.Tensor, potentials: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A transport plan of ``n`` equal vectors to codewords, after some iterations (Cuturi 2013, arXiv 1306.0895).

    Args:
        logits: minus the costs in units of the regularization, ``[n, size]``.
        log_shares: logarithms of the codewords' shares of the mass, ``[size]``.
        potentials: those of codewords at which it begins, ``[size]``.

    Returns:
        the plan ``[n, size]``, whose columns add up to the shares of codewords exactly and whose rows about to 1/n;
        and the potentials of codewords, of mean 0.
    """
    for _ in range(ROUNDS):
        rows = -(logits + potentials).logsumexp(1, keepdim=True) - math.log(len(logits))
        potentials = log_shares - (logits + rows).logsumexp(0)
    plan = (logits + rows).add_(potentials).exp_()
    return plan, potentials - potentials.mean()
