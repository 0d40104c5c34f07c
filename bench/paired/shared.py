"""Samples that the rows of a column share, and rows that have too few of them to be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.contracts.stats import Estimate, assign_blocks
from bench.paired.parts import agree, parts
from bench.paired.samples import Columns

MOST_GROUPS = 200
"""More groups are dealt out to this many; a t with 199 degrees of freedom is practically normal."""


@dataclass(frozen=True)
class Measurements:
    """The values of one metric on each sample.

    Attributes:
        ids: ids of the samples, ``n`` of them.
        groups: group of each sample, ``[n]``.
        parts: numerator and denominator, ``[n, 2]``; not finite where there is no value.
    """

    ids: Sequence[str]
    groups: np.ndarray
    parts: np.ndarray


def measurements(columns: Columns, metric: str, estimate: Estimate) -> Measurements | None:
    """Return a metric's values on each sample; None if they are missing or do not give the estimate's value."""
    ids, groups = columns.get("id"), columns.get("group")
    if ids is None or groups is None or estimate.value is None or len(set(ids)) < len(ids):
        return None
    try:
        kept = parts(columns, metric)
    except (TypeError, ValueError):
        return None
    if kept is None:
        return None
    counted = kept.values[np.isfinite(kept.values).all(1)]
    if not len(counted) or not agree(counted, estimate.value):
        return None
    return Measurements(ids, np.asarray(groups), kept.values)


class Shared:
    """Rows of a column, and the samples on which all that are compared have a value.

    A row is compared if it and the rows with at least as many samples share half of all samples or more. So a system
    that fails on nearly everything takes no samples away from others, and no row is left out while another one is
    compared that has values on only some of its samples.

    Attributes:
        keys: keys of the rows.
        ids: ids of all samples on which any row has a value.
        values: numerator and denominator, ``[rows, samples, 2]``, NaN where there is none.
        groups: group of each sample, ``[samples]``.
        present: whether a row has a value on a sample, bool ``[rows, samples]``; an infinitely good one counts.
        compared: whether a row is compared, bool ``[rows]``.
        common: whether all compared rows have a finite value on a sample, bool ``[samples]``.
    """

    def __init__(self, rows: Mapping[str, Measurements], higher_is_better: bool) -> None:
        self.keys = list(rows)
        self.higher_is_better = higher_is_better
        self.ids, self.groups, self.values = _aligned(list(rows.values()))
        best = np.inf if higher_is_better else -np.inf
        finite = np.isfinite(self.values).all(2)
        self.present = finite | (self.values[:, :, 0] == best)
        seen = self.present.any(0)
        self.ids = [name for name, there in zip(self.ids, seen, strict=True) if there]
        self.groups, self.values, self.present = self.groups[seen], self.values[:, seen], self.present[:, seen]
        self.compared, self.common = self._choose()
        self.common &= finite[:, seen][self.compared].all(0)

    def _choose(self) -> tuple[np.ndarray, np.ndarray]:
        if self.present.all():
            return np.ones(len(self.keys), bool), np.ones(len(self.ids), bool)
        compared, common = np.zeros(len(self.keys), bool), np.ones(len(self.ids), bool)
        for row in sorted(range(len(self.keys)), key=lambda row: (-self.counts[row], self.keys[row])):
            both = common & self.present[row]
            if 2 * both.sum() >= len(self.ids):
                compared[row], common = True, both
        return compared, common

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of samples on which each row has a value, ``[rows]``."""
        counts: np.ndarray = self.present.sum(1)
        return counts

    def sums(self) -> np.ndarray:
        """Return numerator and denominator summed over each group of the common samples, ``[compared, groups, 2]``."""
        values, groups = (
            self.values[self.compared][:, self.common],
            assign_blocks(self.groups[self.common], MOST_GROUPS),
        )
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        sums: np.ndarray = np.add.reduceat(values[:, order], starts, axis=1)
        return sums

    def scores(self) -> np.ndarray | None:
        """Return the compared rows' values on all samples, ``[rows, samples]``: higher is better, missing is worst.

        None where rows divide by different amounts: being no worse on each sample does not mean no worse overall then.
        """
        values = self.values[self.compared]
        under = values[:, self.common, 1]
        if (under != under[:1]).any():
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = values[:, :, 0] / np.where(np.isfinite(values[:, :, 1]), values[:, :, 1], 1)
        scores = scores if self.higher_is_better else -scores
        return np.asarray(np.where(self.present[self.compared], scores, -np.inf))


def _aligned(rows: Sequence[Measurements]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """All ids, their groups, and the values of all rows ``[rows, samples, 2]``, NaN where a row lacks the sample."""
    first = rows[0]
    if all(row.ids == first.ids for row in rows):
        return list(first.ids), first.groups, np.stack([row.parts for row in rows])
    where: dict[str, int] = {}
    groups: list[int] = []
    for row in rows:
        for name, group in zip(row.ids, row.groups.tolist(), strict=True):
            if name not in where:
                where[name] = len(where)
                groups.append(group)
    values = np.full((len(rows), len(where), 2), np.nan)
    for values_of_row, row in zip(values, rows, strict=True):
        values_of_row[[where[name] for name in row.ids]] = row.parts
    return list(where), np.array(groups), values
