"""Cards of the index: what a table measured, on what, when, and which systems lead each kind."""

from __future__ import annotations

from dataclasses import dataclass

from bench import registry
from bench.contracts.suite import Suite, load_suite, shipped
from bench.leaderboard.ranking import Place, Ranking, rank
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Column, Row, Table


@dataclass(frozen=True)
class Leader:
    """The first system of its kind, or one of those that share its place.

    Attributes:
        kind: title of the kind.
        row: its row of the table.
        place: its place in the ranking of the whole table; None where there is no ranking and the table's order counts.
        value: its value, as text, of the metric that orders the table, or of the first that judges generated samples.
    """

    kind: str
    row: Row
    place: Place | None
    value: str


@dataclass(frozen=True)
class Card:
    """One table in short.

    Attributes:
        about: what the suite, or otherwise the task, measures.
        days: first and last day on which its rows were measured; one if they are the same.
        metrics: number of metrics that the ranking covers; 0 if there is none.
        leaders: the first systems of each kind.
    """

    about: str
    days: tuple[str, ...]
    metrics: int
    leaders: tuple[Leader, ...]


def card(table: Table) -> Card:
    """Return the card of one table."""
    days = sorted({row.result.finished[:10] for row in table.rows})
    ranking = rank(table)
    leaders: dict[str, list[Leader]] = {}
    headline = _headline(table, ranking)
    for ranked in ranking.rows:
        row = ranked.row
        leading = leaders.setdefault(row.kind, [])
        if not leading or leading[0].place == ranked.place:
            leading.append(Leader(row.kind, row, ranked.place, _value(headline, row)))
    if not ranking.rows:
        for row in table.rows:
            if not row.failed and _value(table.order, row):
                leaders.setdefault(row.kind, [Leader(row.kind, row, None, _value(table.order, row))])
    counted = len(ranking.columns) if ranking.rows else 0
    every = tuple(leader for leading in leaders.values() for leader in leading)
    return Card(_about(table), tuple(dict.fromkeys((days[0], days[-1]))), counted, every)


def _headline(table: Table, ranking: Ranking) -> Column | None:
    """The column whose values a card shows: the first that judges generated samples, otherwise the table's order."""
    metrics = registry.entries("metrics")
    for column in ranking.columns:
        if column.kind.metric in metrics and metrics[column.kind.metric].can_judge("generation"):
            return column
    return table.order


def _about(table: Table) -> str:
    """What a table is about: its suites in words where it is of their data set, else its task."""
    names = sorted({row.result.suite for row in table.rows} & shipped("suites").keys())
    suites = [suite for suite in map(load_suite, names) if _of_its_data(suite, table)]
    if suites:
        return " ".join(clean(suite.description).rstrip(".") + "." for suite in suites)
    entry = registry.entries("tasks").get(table.protocol.task)
    return f"{clean(entry.summary).rstrip('.')}." if entry else ""


def _of_its_data(suite: Suite, table: Table) -> bool:
    return any((line.task, line.dataset) == (table.protocol.task, table.protocol.dataset.name) for line in suite.tasks)


def _value(column: Column | None, row: Row) -> str:
    cell = row.cells.get(column.metric) if column else None
    if column is None or cell is None or cell.number is None:
        return ""
    return clean(f"{column.heading.title} {cell.number} {column.unit}")
