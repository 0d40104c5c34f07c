"""Entropies, in nats, of soft assignments to codewords whose bits are independent given a latent."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def entropy_of_bits(logits: torch.Tensor) -> torch.Tensor:
    """The entropy ``[n]`` of each assignment, of the logits ``[n, bits]`` that a bit is one rather than zero."""
    # -p·log p - (1 - p)·log(1 - p) for p = sigmoid(a), which does not overflow.
    return (F.softplus(logits) - logits * logits.sigmoid()).sum(1)


def entropy_of_mean_bits(logits: torch.Tensor) -> torch.Tensor:
    """The entropy of the mean assignment, a scalar, as if its bits were independent: an upper bound."""
    ones = logits.sigmoid().mean(0)
    return _entropy(torch.stack([ones, 1 - ones]))


def entropy_of_codes(logits: torch.Tensor) -> torch.Tensor:
    """The entropy of the mean assignment over all ``2^bits`` codes, a scalar.

    The mean of products over the bits is a product of two matrices, which have a row per assignment and columns for
    all values of one half of the bits.
    """
    halves = [_joint(half) for half in logits.tensor_split(2, 1)]
    return _entropy(halves[0].T @ halves[1] / len(logits))


def _entropy(probabilities: torch.Tensor) -> torch.Tensor:
    """Minus the sum of p·log p; unlike that of ``torch.special.entr``, its gradient is finite where p is zero."""
    logs = probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()
    return -(probabilities * logs).sum()


def _joint(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities of all values of bits, ``[n, 2^bits]``."""
    bits = torch.arange(logits.shape[1], device=logits.device)
    values = torch.arange(2 ** len(bits), device=logits.device)
    digits = (values[:, None] >> bits) & 1
    return (logits @ digits.to(logits).T).softmax(1)
