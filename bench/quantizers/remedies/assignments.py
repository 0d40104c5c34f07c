"""Soft assignments of vectors to codewords, which several remedies share."""

from __future__ import annotations

import torch

from bench.errors import BenchError
from bench.quantizers.estimators.base import spread

LEAST_SHARE = 1e-12
"""The least mean share of a codeword whose logarithm is taken, since that of zero has no gradient."""


def relative(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Logits ``[n, size]`` in units of ``temperature`` times their spread over codewords, whatever the latents' scale.

    Minus the squared distances, they become those of soft assignments; towards a temperature of 0 these turn hard.
    """
    return logits / (temperature * spread(logits))


def entropies(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Entropies in nats of the assignments that softmax makes of logits ``[n, size]``.

    Returns:
        the mean entropy of a vector's assignment, and the entropy of the mean assignment.
    """
    logs = logits.log_softmax(1)
    shares = logs.exp()
    mean = shares.mean(0).clamp(min=LEAST_SHARE)
    return -(shares * logs).sum(1).mean(), -(mean * mean.log()).sum()


def by_index(codewords: torch.Tensor, codes: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Chosen codewords ``[n, dim]``, with the straight-through estimator on the choice itself.

    Forward, the choice is one-hot; backward, it has the gradient of soft assignments, so that whatever these depend on
    gets one: the vectors, and all codewords rather than the chosen one alone.

    Args:
        codewords: ``[size, dim]``.
        codes: the chosen ones, int64 ``[n]``.
        shares: soft assignments ``[n, size]``, of which each row adds up to 1.
    """
    mixed = shares @ codewords.detach()
    return codewords[codes] + (mixed - mixed.detach())


def above_zero(name: str, value: float) -> float:
    """A number of a remedy's arguments that must be above zero.

    Raises:
        BenchError: it is not; the message names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise BenchError(f"{name}={value}: write a number above zero")
    return float(value)
