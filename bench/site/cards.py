"""What the index says of a table: what was measured, on what, when, and who is ahead in each kind."""

from __future__ import annotations

from dataclasses import dataclass

from bench import registry
from bench.contracts.suite import load_suite, shipped
from bench.leaderboard.ranking import Place, Ranking, rank
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Column, Row, Table


@dataclass(frozen=True)
class Leader:
    """The first of one kind of system, or one of those that share its place.

    Attributes:
        place: in the ranking of the whole table; None where nothing is ranked and the table's own order counts.
        value: of the metric that orders the table, or of the first that judges what is generated, as text.
    """

    kind: str
    row: Row
    place: Place | None
    value: str


@dataclass(frozen=True)
class Card:
    """One table in short.

    Attributes:
        about: what the suite, or else the task, measures.
        days: on which its rows were measured, the first and the last.
        metrics: over how many the ranking goes; 0 where there is none.
    """

    about: str
    days: tuple[str, ...]
    metrics: int
    leaders: tuple[Leader, ...]


def card(table: Table) -> Card:
    """The card of one table."""
    days = sorted({row.result.finished[:10] for row in table.rows})
    ranking = rank(table)
    leaders: dict[str, list[Leader]] = {}
    headline = _headline(table, ranking)
    for ranked in ranking.rows:
        row = ranked.row
        first = leaders.setdefault(row.kind, [])
        if not first or first[0].place == ranked.place:
            first.append(Leader(row.kind, row, ranked.place, _value(headline, row)))
    if not ranking.rows:
        for row in table.rows:
            if not row.failed and _value(table.order, row):
                leaders.setdefault(row.kind, [Leader(row.kind, row, None, _value(table.order, row))])
    counted = len(ranking.columns) if ranking.rows else 0
    every = tuple(leader for first in leaders.values() for leader in first)
    return Card(_about(table), tuple(dict.fromkeys((days[0], days[-1]))), counted, every)


def _headline(table: Table, ranking: Ranking) -> Column | None:
    """The column whose values a card shows: of a table that judges what is generated the first that does."""
    known = registry.entries("metrics")
    for column in ranking.columns:
        if column.kind.metric in known and known[column.kind.metric].can_judge("generation"):
            return column
    return table.order


def _about(table: Table) -> str:
    suites = sorted({row.result.suite for row in table.rows} & shipped("suites").keys())
    if suites:
        return " ".join(clean(load_suite(suite).description).rstrip(".") + "." for suite in suites)
    entry = registry.entries("tasks").get(table.protocol.task)
    return f"{clean(entry.summary).rstrip('.')}." if entry else ""


def _value(column: Column | None, row: Row) -> str:
    cell = row.cells.get(column.metric) if column else None
    if column is None or cell is None or cell.number is None:
        return ""
    return clean(f"{column.heading.title} {cell.number} {column.unit}")
