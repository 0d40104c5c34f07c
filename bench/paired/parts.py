"""Parts that a metric's value is computed from, as per-sample tables keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RATIOS = (("_errors", "_length"), ("_total", "_amount"))
"""Endings of the per-sample columns whose sums a metric is the ratio of: numerator and denominator."""
NEAR = 1e-6
"""Part of the mean size of its samples by which a value may differ from their mean: files round to nine digits."""


@dataclass(frozen=True)
class Parts:
    """The parts that a metric is computed from.

    Attributes:
        values: numerator and denominator of each sample ``[n, 2]``, NaN or ±inf where it does not count.
        ratio: whether both were kept; otherwise the denominators are 1.
    """

    values: np.ndarray
    ratio: bool


def parts(samples: Mapping[str, Sequence[Any]], metric: str) -> Parts | None:
    """Return a metric's parts from a per-sample table; None if it has none.

    Raises:
        TypeError, ValueError: a column does not hold numbers.
    """
    for over, under in RATIOS:
        if metric + over in samples and metric + under in samples:
            both = np.array([samples[metric + over], samples[metric + under]], np.float64).T
            if metric in samples:  # a missing rate says that the sample does not count
                both[~np.isfinite(np.array(samples[metric], np.float64))] = np.nan
            return Parts(both, ratio=True)
    if metric not in samples:
        return None
    values = np.array(samples[metric], np.float64)
    return Parts(np.stack([values, np.ones(len(values))], axis=1), ratio=False)


def agree(counted: np.ndarray, value: float) -> bool:
    """Whether a value is the ratio of the sums of finite parts ``[n, 2]``, up to the rounding of files."""
    over, under = counted.sum(0)
    size = float(np.abs(counted[:, 0]).sum())
    return bool(abs(over - value * under) <= NEAR * size + 1e-9 * abs(under)) and bool(under)
