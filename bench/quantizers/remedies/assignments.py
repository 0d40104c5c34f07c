"""Soft assignments of vectors to codewords, which several remedies share."""

from __future__ import annotations

import torch

LEAST_SHARE = 1e-12
"""The least mean share of a codeword whose logarithm is taken, since that of zero has no gradient."""


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
