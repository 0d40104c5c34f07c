"""What the index says of a table: what was measured, on what, when, and who is ahead in each kind."""

from __future__ import annotations

from dataclasses import dataclass

from bench import registry
from bench.leaderboard.page import clean
from bench.leaderboard.ranking import Place, rank
from bench.leaderboard.table import Row, Table
from bench.suite import load_suite, shipped


@dataclass(frozen=True)
class Leader:
    """The first of one kind of system.

    Attributes:
        place: in the ranking of the whole table; None where nothing is ranked and the table's own order counts.
        value: of the metric that orders the table, as text.
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
    leaders: dict[str, Leader] = {}
    for ranked in ranking.rows:
        row = ranked.row
        leaders.setdefault(row.kind, Leader(row.kind, row, ranked.place, _value(table, row)))
    if not ranking.rows:
        for row in table.rows:
            if not row.failed and _value(table, row):
                leaders.setdefault(row.kind, Leader(row.kind, row, None, _value(table, row)))
    counted = len(ranking.columns) if ranking.rows else 0
    return Card(_about(table), tuple(dict.fromkeys((days[0], days[-1]))), counted, tuple(leaders.values()))


def _about(table: Table) -> str:
    suites = sorted({row.result.suite for row in table.rows} & shipped("suites").keys())
    if suites:
        return " ".join(clean(load_suite(suite).description).rstrip(".") + "." for suite in suites)
    entry = registry.entries("tasks").get(table.protocol.task)
    return f"{clean(entry.summary).rstrip('.')}." if entry else ""


def _value(table: Table, row: Row) -> str:
    cell = row.cells.get(table.order.metric) if table.order else None
    if cell is None or cell.number is None or table.order is None:
        return ""
    return clean(f"{table.order.heading.title} {cell.number} {table.order.unit}")
