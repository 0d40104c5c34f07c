"""One order over several metrics: mean rank and Borda count, over complete rows, ties shown as ties.

Two rows tie in a metric if their 95% intervals overlap, a value without one being its own interval. That
asks more for a difference than a test of it would (Schenker & Gentleman 2001), so a tie is no proof of
equality. Overlap is not transitive, so neither are ties: a row may tie with two that differ.

In each metric the rank of a row is one more than the rows that are better beyond their intervals, as in sports,
and its Borda points are one for each row that it is better than in this way and a half for each tie
(Borda 1784; ties as in Black 1976). Mean rank says how few are ahead, Borda how many are behind as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    """One complete row.

    Attributes:
        place: by mean rank, the Borda count deciding between equal ones.
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
        columns: the metrics ranked over, each counting the same.
        left_out: label of each row that is not ranked, and why.
    """

    columns: tuple[Column, ...]
    rows: tuple[Ranked, ...]
    left_out: Mapping[str, str]


def rank(table: Table, metrics: Sequence[str] | None = None) -> Ranking:
    """The ranking of a table; without rows if fewer than two are complete or fewer than two metrics remain.

    Args:
        metrics: names of the metrics to rank over. If not given: those of quality that tables for people show,
            that have a better direction and at least two values, so that one which nothing measured does not
            leave every row incomplete.
    """
    columns = tuple(column for column in table.columns if _counts(table, column, metrics))
    complete, left_out = [], {}
    for row in table.rows:
        lacking = [c.heading.title for c in columns if row.failed or not row.cells[c.metric].number]
        if row.failed:
            left_out[row.label] = "failed"
        elif lacking:
            left_out[row.label] = f"no value of {', '.join(lacking)}"
        else:
            complete.append(row)
    if len(complete) < 2 or len(columns) < 2:
        return Ranking(columns, (), left_out)
    ranks: list[dict[str, Place]] = [{} for _ in complete]
    points = [0.0] * len(complete)
    for column in columns:
        for i, row in enumerate(complete):
            signs = [_better(column, other, row) for j, other in enumerate(complete) if j != i]
            ranks[i][column.metric] = Place(1 + signs.count(1), 0 in signs)
            points[i] += signs.count(-1) + signs.count(0) / 2
    means = [sum(place.rank for place in own.values()) / len(columns) for own in ranks]
    scores = [(mean, -borda) for mean, borda in zip(means, points, strict=True)]
    order = sorted(range(len(complete)), key=lambda i: scores[i])
    places = {i: Place(1 + sum(other < scores[i] for other in scores), scores.count(scores[i]) > 1) for i in order}
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


def _better(column: Column, one: Row, other: Row) -> int:
    """1 if one row is better than the other beyond their intervals, -1 if worse, 0 if they tie."""
    (low, high), (other_low, other_high) = (_interval(column, row) for row in (one, other))
    if low > other_high:
        return 1 if column.higher_is_better else -1
    if high < other_low:
        return -1 if column.higher_is_better else 1
    return 0


def _interval(column: Column, row: Row) -> tuple[float, float]:
    estimate = row.cells[column.metric].estimate
    assert estimate is not None
    assert estimate.value is not None
    return estimate.interval or (estimate.value, estimate.value)
