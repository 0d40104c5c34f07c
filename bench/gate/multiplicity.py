"""Adjustment for many comparisons: the chance of one false alarm or more stays at the level.

Each comparison has two tests. Its *mean* is compared with its error (``bench/gate/bootstrap.py``, or the t of a
jackknife); p-values of means are adjusted by Holm's step-down method. Where it rests on samples in groups, *sign flips*
of the groups are tried for all comparisons of the same groups together (``bench/gate/flips.py``), which adjusts them by
what the comparisons share.

The level is split beforehand: an equal share to each of the m comparisons. The S with flips give half of theirs to the
flips, so that these have S/2m of the level and the means the rest, by Holm with weights 1/2 and 1. Each branch errs no
more often than its part, so both together keep the level (Bonferroni), and a comparison without flips pays nothing for
them. Comparisons of F different sets of groups are flipped separately, each with 1/F of the flips' part. If all
have the same groups, the adjusted p is 2·min(Holm of the means, Westfall-Young of the flips).

Set-level metrics have no flips, although a jackknife gives pseudo-values: these are not the contributions of single
groups but depend on each other (a code is used if any of the groups uses it; the bias of a Fréchet distance is in each
of them), so that a randomization test that flips one of them would not be exact.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.gate.flips import westfall_young


@dataclass(frozen=True)
class Evidence:
    """The evidence against one hypothesis "no worse than the tolerance".

    Attributes:
        mean: its p-value by the mean and its error.
        excess: by how many tolerances each group exceeds the tolerance, ``[groups]``; None if there are no groups.
        grouping: identifies the groups and their samples; comparisons with the same are flipped together.
    """

    mean: float
    excess: np.ndarray | None = None
    grouping: Hashable = None

    @property
    def share(self) -> float:
        """Part of the comparison's share of the level that goes to the mean; sign flips have the rest."""
        return 1.0 if self.excess is None else 0.5


@dataclass(frozen=True)
class Adjusted:
    """A p-value adjusted for the number of comparisons, and whether sign flips gave it rather than the mean."""

    p: float
    by_flips: bool = False


def adjust(evidence: Sequence[Evidence]) -> list[Adjusted]:
    """Adjust the p-values of hypotheses that are tested together, in their order."""
    families: dict[Hashable, list[int]] = {}
    for i, item in enumerate(evidence):
        if item.excess is not None:
            families.setdefault(item.grouping, []).append(i)
    weights = [item.share for item in evidence]
    part = sum(weights) / len(evidence) if evidence else 1.0  # of the level, for the means
    adjusted = [Adjusted(min(1.0, p / part)) for p in holm([item.mean for item in evidence], weights)]
    for family in families.values():
        share = (1 - part) / len(families)
        flips = westfall_young(np.array([evidence[i].excess for i in family]))
        for i, p in zip(family, flips.tolist(), strict=True):
            if p / share < adjusted[i].p:
                adjusted[i] = Adjusted(p / share, by_flips=True)
    return adjusted


def holm(values: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """Adjust p-values for their number by Holm's weighted step-down method (Holm 1979), in their order."""
    weights = weights or [1.0] * len(values)
    order = sorted(range(len(values)), key=lambda i: values[i] / weights[i])
    adjusted, highest, left = [0.0] * len(values), 0.0, sum(weights)
    for i in order:
        highest = max(highest, min(1.0, left * values[i] / weights[i]))
        adjusted[i] = highest
        left -= weights[i]
    return adjusted
