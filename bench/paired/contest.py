"""Comparison of the rows of one column: better, worse, or indistinguishable.

Two rows are compared on the samples that all compared rows share, by the difference of their values and its error
(``bench/paired/influence.py``): a t-test over groups of samples where per-sample values exist, over blocks where
jackknife replicates do. Where neither exist, and between rows with different blocks, the errors of both are added as if
the samples were different, which misses differences rather than inventing them. The part of an error that is not due to
samples, such as the spread of several trainings, is always added.

*What is controlled.* Two rows are distinguished where the two-sided p is at most 5% divided by the number of other rows
in the column (Bonferroni). So for each row the chance of any false claim about it, better than one that is not worse or
worse than one that is not better, is at most 5%: its rank, one more than the rows that are shown to be better, is a 95%
lower bound of its true rank (Mogstad, Romano, Shaikh & Wilhelm 2024, Review of Economic Studies 91(1)), and the rows
that none is shown to beat include the best one with at least 95% probability (multiple comparisons with the best: Hsu
1984, Annals of Statistics 12(3)). Columns are not counted together. The 95% interval of a difference is for its row
alone: it may exclude 0 where the test does not distinguish the row.

*What follows.* A t-test may miss a row that is nowhere better than one it does find worse: a rare large loss makes the
error large. A row that is at least as good on every sample as one that is shown to be better is therefore better too,
and one that is nowhere better than a worse one is worse. So a row that is at least as good as another on every sample
never stands below it. The chance of an error through this step is that of a truly better row being better on none of
the samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.paired.decision import beyond_chance, quantile
from bench.paired.dominance import closed, dominated
from bench.paired.influence import distances


@dataclass(frozen=True)
class Gap:
    """The difference of a row from a reference row.

    Attributes:
        value: in the metric's unit.
        half: half of its symmetric 95% interval; 0 if no group differs from the others, None if unknown.
        paired: whether both rest on the same groups or blocks.
    """

    value: float
    half: float | None
    paired: bool


@dataclass(frozen=True)
class Contest:
    """The comparison of one column's rows.

    Attributes:
        keys: keys of the compared rows.
        higher_is_better: which direction is better.
        values: of the compared rows on the samples that they share, ``[rows]``.
        counts: on how many samples each has a value, ``[rows]``; of equal values those with most stand first.
        own: each row's value on all its samples, ``[rows]``; breaks remaining ties in the order, best first.
        pulls: of each group or block on each value, ``[rows, groups]``; zeros for rows without.
        paired: which rows have pulls, ``[rows]``.
        degrees: degrees of freedom of the error that pulls give.
        alone: the part of each standard error that no other row shares, ``[rows]``; NaN where no error is known.
        alone_degrees: degrees of freedom of that part, ``[rows]``.
        scores: see ``bench.paired.shared.Shared.scores``.
        left_out: why a row is not compared, by its key, in the order of the table.
        note: what a reader must know about the whole comparison; empty if nothing.
        notes: what a reader must know about the comparison of one row, by its key.
    """

    keys: tuple[str, ...]
    higher_is_better: bool
    values: np.ndarray
    counts: np.ndarray
    own: np.ndarray
    pulls: np.ndarray
    paired: np.ndarray
    degrees: int
    alone: np.ndarray
    alone_degrees: np.ndarray
    scores: np.ndarray | None
    left_out: Mapping[str, str]
    note: str
    notes: Mapping[str, str]

    @cached_property
    def row(self) -> Mapping[str, int]:
        """The index of each compared row by its key."""
        return {key: i for i, key in enumerate(self.keys)}

    @cached_property
    def complete(self) -> frozenset[str]:
        """Keys of the compared rows with the most samples, whose values on all their samples compare directly."""
        if self.scores is None:
            return frozenset(self.keys)
        return frozenset(key for key, count in zip(self.keys, self.counts, strict=True) if count == self.counts.max())

    @property
    def decides(self) -> bool:
        """Whether at least two rows have a known error, so that some difference can be decided."""
        return int(np.isfinite(self.alone).sum()) > 1

    @cached_property
    def order(self) -> Mapping[str, int]:
        """The place of each row by its key: the compared ones, best first, equal ones alike; then those left out."""
        sign = -1 if self.higher_is_better else 1
        columns = (sign * self.values, -self.counts, sign * self.own)
        merits = dict(zip(self.keys, zip(*(column.tolist() for column in columns), strict=True), strict=True))
        places = {merit: place for place, merit in enumerate(sorted(set(merits.values())))}
        compared = {key: places[merit] for key, merit in merits.items()}
        return compared | {key: len(places) + i for i, key in enumerate(self.left_out)}

    @cached_property
    def best(self) -> frozenset[str]:
        """Keys of the rows that no other is shown to be better than."""
        beaten: np.ndarray = np.array(self._significant.any(0))
        if self.scores is not None and beaten.any():
            beaten[dominated(self.scores, np.flatnonzero(beaten), np.flatnonzero(~beaten))[:, 1]] = True
        return frozenset(key for key, lost in zip(self.keys, beaten, strict=True) if not lost)

    @cached_property
    def better(self) -> np.ndarray:
        """Whether each row is shown to be better than each other, bool ``[rows, rows]``."""
        return closed(self._significant, self.scores)

    def gaps(self, reference: str) -> dict[str, Gap]:
        """Return the difference of each other compared row from the compared row ``reference``, by key."""
        at = self.row[reference]
        with np.errstate(all="ignore"):  # values that overflow decide nothing
            squares, degrees = self._errors(np.array([at]))
        freedom = np.broadcast_to(degrees, squares.shape)[0]
        return {
            key: Gap(
                float(self.values[i] - self.values[at]),
                float(quantile(int(freedom[i])) * np.sqrt(squares[0, i])) if np.isfinite(squares[0, i]) else None,
                bool(self.paired[i] and self.paired[at]),
            )
            for i, key in enumerate(self.keys)
            if i != at
        }

    @cached_property
    def _merit(self) -> np.ndarray:
        return self.values if self.higher_is_better else -self.values

    @cached_property
    def _significant(self) -> np.ndarray:
        """Whether each row is better than each other beyond chance, bool ``[rows, rows]``."""
        with np.errstate(all="ignore"):  # values that overflow decide nothing
            squares, degrees = self._errors(np.arange(len(self.keys)))
            differences = self._merit[:, None] - self._merit[None]
            sizes = np.maximum(np.abs(self.values)[:, None], np.abs(self.values)[None])
            return beyond_chance(differences, np.sqrt(squares), degrees, sizes, max(1, len(self.keys) - 1))

    def _errors(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Squared standard errors of the differences of some rows to all, and their degrees of freedom.

        Degrees are Satterthwaite's, rounded down, where an error has several parts, else one number for all.
        """
        common = distances(self.pulls)[rows] if len(rows) > 1 else ((self.pulls[rows] - self.pulls) ** 2).sum(1)[None]
        first, second = self.alone[rows, None] ** 2, self.alone[None] ** 2
        total = common + first + second
        if not self.alone.any():
            return total, np.array(max(1, self.degrees))
        spread = (
            common**2 / max(1, self.degrees)
            + first**2 / self.alone_degrees[rows, None]
            + second**2 / self.alone_degrees[None]
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            degrees = np.where(spread > 0, total**2 / spread, max(1, self.degrees))
        return total, np.maximum(1, np.nan_to_num(np.minimum(degrees, 10_000), nan=1)).astype(int)
