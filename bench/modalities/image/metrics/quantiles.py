"""How the quantile functions of two sets of different sizes overlap, for exact Wasserstein distances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
import torch


@dataclass(frozen=True)
class Overlaps:
    """How the quantile functions of n values and of m > n values overlap.

    Both are constant between multiples of 1/n and of 1/m, and that repeats itself ``periods`` times. The interval of
    one of the m values meets that of one of the n values or of two neighbors.

    Attributes:
        periods: the greatest common divisor of n and m.
        pairs: for the first and for the second of these neighbors, its number in the period, int64 ``[m / periods]``,
            and the width of what it shares with the interval, float64, 0 where there is no second one.
    """

    periods: int
    pairs: tuple[tuple[torch.Tensor, torch.Tensor], ...]


@lru_cache(maxsize=3)  # all samples, and those without a larger and a smaller block
def overlaps_of(n: int, m: int, device: torch.device) -> Overlaps:
    """The overlaps of n and m values of equal weight, with n at most m, for values on a device."""
    periods = gcd(n, m)
    few, many = n // periods, m // periods
    starts = np.arange(many) * few  # in units of which one of the m intervals has ``few``, one of the n ``many``
    first, second = starts // many, (starts + few - 1) // many
    inside = np.minimum((first + 1) * many, starts + few) - starts
    unit = 1 / (periods * few * many)
    return Overlaps(
        periods,
        tuple(
            (torch.from_numpy(which).to(device), torch.from_numpy(width * unit).to(device))
            for which, width in ((first, inside), (second, few - inside))
        ),
    )
