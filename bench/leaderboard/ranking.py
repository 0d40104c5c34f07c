"""One order over several metrics: mean rank and Borda count, over complete rows, ties shown as ties.

In a metric a row is better than another if the paired comparison of the column shows it (``bench/paired/contest.py``,
which marks the best of the column too: a marked row has rank 1). Two rows tie if it shows neither to be better, which
is not a proof of equality; a row may tie with two that differ.

In each metric the rank of a row is one more than the rows that are better, as in sports, and its Borda points are one
per row that it is better than and a half per tie (Borda 1784; ties as in Black 1976). Mean rank says how few are ahead,
Borda also how many are behind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.leaderboard.table import Column, Row, Table


@dataclass(frozen=True)
class Place:
    """A rank, or a place in the whole order, and whether it is shared."""

    rank: int
    tied: bool

    def __str__(self) -> str:
        return f"{self.rank}{'=' if self.tied else ''}"


@dataclass(frozen=True)
class Ranked:
    """One complete row with its ranks.

    Attributes:
        row: the row of the table.
        place: its place by mean rank; the Borda count decides between equal mean ranks.
        ranks: in each metric, by its name.
        mean_rank: from 1, lower is better.
        borda: points over all metrics, higher is better; at most metrics · (rows - 1).
    """

    row: Row
    place: Place
    ranks: Mapping[str, Place]
    mean_rank: float
    borda: float


@dataclass(frozen=True)
class Ranking:
    """The complete rows of a table, best first.

    Attributes:
        columns: the metrics ranked over, each with the same weight.
        rows: the ranked rows; empty if there is no ranking.
        left_out: label of each row that is not ranked, and why.
    """

    columns: tuple[Column, ...]
    rows: tuple[Ranked, ...]
    left_out: Mapping[str, str]


def rank(table: Table, metrics: Sequence[str] | None = None) -> Ranking:
    """Rank the rows of a table; no rows are ranked if fewer than two are complete or fewer than two metrics remain.

    Args:
        table: the model.
        metrics: names of the metrics to rank over. By default the quality metrics that tables for people show, that
            have a better direction and at least two values, so that a metric nothing was measured with does not leave
            every row incomplete.
    """
    columns = tuple(column for column in table.columns if _counts(table, column, metrics))
    complete, left_out = [], {}
    for row in table.rows:
        lacking = [c.heading.title for c in columns if row.failed or not row.cells[c.metric].number]
        apart = [c.heading.title for c in columns if row.result.key in _left_out(table, c)]
        if row.failed:
            left_out[row.label] = "failed"
        elif apart:
            left_out[row.label] = f"not compared in {', '.join(apart)}, where its value rests on different samples"
        elif lacking:
            left_out[row.label] = f"no value for {', '.join(lacking)}"
        else:
            complete.append(row)
    if len(complete) < 2 or len(columns) < 2:
        return Ranking(columns, (), left_out)
    ranks: list[dict[str, Place]] = [{} for _ in complete]
    points = [0.0] * len(complete)
    for column in columns:
        better = _better(table, column, complete)
        ahead, behind = better.sum(0).tolist(), better.sum(1).tolist()
        for i in range(len(complete)):
            ties = len(complete) - 1 - ahead[i] - behind[i]
            ranks[i][column.metric] = Place(1 + ahead[i], ties > 0)
            points[i] += behind[i] + ties / 2
    means = [sum(place.rank for place in of_row.values()) / len(columns) for of_row in ranks]
    scores = [(mean, -borda) for mean, borda in zip(means, points, strict=True)]
    order = sorted(range(len(complete)), key=lambda i: scores[i])
    ordered, shared = sorted(scores), Counter(scores)
    places = {i: Place(1 + bisect_left(ordered, scores[i]), shared[scores[i]] > 1) for i in order}
    return Ranking(
        columns, tuple(Ranked(complete[i], places[i], ranks[i], means[i], points[i]) for i in order), left_out
    )


def _counts(table: Table, column: Column, metrics: Sequence[str] | None) -> bool:
    if column.higher_is_better is None:
        return False
    if metrics is not None:
        return column.metric in metrics
    shown = column.heading.section == "quality" and column.heading.default
    return shown and len(table.measured(column)) > 1


def _better(table: Table, column: Column, rows: Sequence[Row]) -> np.ndarray:
    """Whether each row is shown to be better than each other, bool ``[rows, rows]``; all False without a comparison."""
    contest = table.contests.get(column.metric)
    if contest is None:
        return np.zeros((len(rows), len(rows)), bool)
    at = [contest.row[row.result.key] for row in rows]
    return contest.better[np.ix_(at, at)]


def _left_out(table: Table, column: Column) -> Mapping[str, str]:
    contest = table.contests.get(column.metric)
    return contest.left_out if contest else {}
