"""A table relative to one of its rows: the difference of each other row to it, with its paired interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.errors import BenchError, UnknownName
from bench.leaderboard.digits import Estimated, Number, column_decimals, number, signed
from bench.leaderboard.table import Column, Row, Table
from bench.paired.contest import Gap

UNPAIRED = "the two are not paired; their errors are added as if measured on different samples"
NO_INTERVAL = "no interval for the difference: its error is unknown"


@dataclass(frozen=True)
class Relative:
    """Differences of a table's rows to one of them.

    Attributes:
        table: the table.
        row: the reference, whose values are shown.
    """

    table: Table
    row: Row

    def has(self, column: Column) -> bool:
        """Whether a column has differences: speeds have none, nor have values of which neither direction is better."""
        contest = self.table.contests.get(column.metric)
        return contest is not None and not column.device_bound and self.row.result.key in contest.row

    def gaps(self, column: Column) -> Mapping[str, Gap]:
        """Return the differences of a column's comparable rows, unscaled, by the key of their result."""
        return self._gaps[column.metric]

    def numbers(self, column: Column) -> Mapping[str, Number]:
        """Return the differences of a column as they are shown, scaled, with signs, by the key of their result."""
        shown: dict[str, Estimated] = {}
        for key, gap in self.gaps(column).items():
            value = gap.value * column.scale
            half = gap.half and gap.half * column.scale
            shown[key] = value, (value - half, value + half) if half else None
        numbers = {}
        for (key, difference), decimals in zip(shown.items(), column_decimals(list(shown.values())), strict=True):
            written = number(*difference, decimals)
            numbers[key] = Number(signed(written.value), written.spread)
        return numbers

    def reason(self, row: Row, column: Column) -> str:
        """Return why a row with a value has no difference, as a footnote."""
        return f"{column.heading.title}: {row.cells[column.metric].apart or 'not compared'}"

    def note(self, row: Row, column: Column) -> str:
        """Return the footnote of a difference: not paired, or without interval; empty if it needs none."""
        gap = self.gaps(column)[row.result.key]
        if gap.half is None:
            return NO_INTERVAL
        exact = gap.half == 0 and not gap.paired
        return "" if gap.paired or exact else UNPAIRED

    @cached_property
    def _gaps(self) -> Mapping[str, Mapping[str, Gap]]:
        key = self.row.result.key
        return {c.metric: self.table.contests[c.metric].gaps(key) for c in self.table.columns if self.has(c)}


def relative(tables: Sequence[Table], name: str | None) -> list[Relative | None]:
    """Make each table relative to the row with a name, of a row or of its system.

    Returns:
        One ``Relative`` per table; None for a table without such a row, and for all if ``name`` is None.

    Raises:
        UnknownName: no table has such a row.
        BenchError: the row failed, or several rows of one table have the name.
    """
    rows = [_row(table, name) if name is not None else None for table in tables]
    if name is not None and not any(rows):
        raise UnknownName("row of these tables", name, {row.label for table in tables for row in table.rows})
    return [Relative(table, row) if row else None for table, row in zip(tables, rows, strict=True)]


def _row(table: Table, name: str) -> Row | None:
    rows = [row for row in table.rows if row.label == name] or [
        row for row in table.rows if row.result.system.name == name
    ]
    if len(rows) > 1:
        raise BenchError(f"several rows are called {name!r}; give one of {', '.join(row.label for row in rows)}")
    if rows and rows[0].failed:
        raise BenchError(f"{name} failed and has no values to compare with; give a row with values")
    return rows[0] if rows else None
