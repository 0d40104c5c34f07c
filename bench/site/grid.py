"""The results table of a page: the composed page's entries, and the values that sorting and filtering need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from bench.leaderboard.digits import significant
from bench.leaderboard.page import Entry, Line, Page, PageColumn, compose
from bench.leaderboard.reported import ReportedRow, beside
from bench.leaderboard.table import Column, Row, Table
from bench.site.definitions import anchor
from bench.site.drawing import System

INTERVAL_DIGITS = 4
MARK_SIZE = 0.68
"""Size of the letters of a footnote's mark, relative to other letters."""
WIDEST = 40
"""Width in digits of the widest class of the style sheet."""
SECTIONS = {"quality": "Quality", "rate": "Rate and codebook", "cost": "Cost"}


@dataclass(frozen=True)
class GridColumn:
    """One column of the grid.

    Attributes:
        page: the column of the composed page.
        column: the column of the table; None where it states a fact about the rows, such as the codebook.
        anchor: id of its definition on the page; empty without ``column``.
        more: whether it is shown only on demand where there is JavaScript.
        spread: width of the longest spread, so that the decimal points line up.
        marks: width of the longest footnote mark. Both in digits, as in the style sheet's classes ``w1`` to ``w40``.
    """

    page: PageColumn
    column: Column | None
    anchor: str
    more: bool
    spread: int
    marks: int


@dataclass(frozen=True)
class GridCell:
    """One entry, the value by which it is sorted (None if it has none to compare), and its interval in words."""

    entry: Entry
    value: float | None
    interval: str


@dataclass(frozen=True)
class GridRow:
    """One row, and the address of its system's page from the root of the site."""

    row: Row
    line: Line
    at: System
    cells: tuple[GridCell, ...]


@dataclass(frozen=True)
class Grid:
    """The whole table.

    Attributes:
        page: the composed page.
        columns: the columns in reading order.
        sections: title and number of columns of each run of columns in one section.
        groups: rows by the title of their kind, which is empty if there is only one.
        reported: reported rows under the same protocol, never ranked.
    """

    page: Page
    columns: tuple[GridColumn, ...]
    sections: tuple[tuple[str, int], ...]
    groups: tuple[tuple[str, tuple[GridRow, ...]], ...]
    reported: tuple[ReportedRow, ...]


def grid(table: Table, pages: Mapping[str, System]) -> Grid:
    """Make the grid of a table, with all columns except the details of single codebook levels.

    Args:
        pages: pages of the systems, by the key of the result.
    """
    reported = beside(table)
    by_name = {column.metric: column for column in table.columns}
    page = compose(table, [name for name, column in by_name.items() if not column.heading.detail])
    columns = tuple(_column(table, page_column, by_name) for page_column in page.columns)
    rows = [
        GridRow(
            row,
            page.lines[i],
            pages[row.result.key],
            tuple(_cell(table, row, column, column.page.entries[i]) for column in columns),
        )
        for i, row in enumerate(table.rows)
    ]
    groups = tuple((title, tuple(same)) for title, same in groupby(rows, key=lambda row: row.line.group))
    sections = tuple(
        (SECTIONS[name], len(list(same))) for name, same in groupby(page.columns, key=lambda column: column.section)
    )
    return Grid(page, columns, sections, groups, tuple(reported))


def _column(table: Table, page: PageColumn, by_name: Mapping[str, Column]) -> GridColumn:
    column = by_name.get(page.metric)
    numbers = [entry for entry in page.entries if entry.is_number]
    return GridColumn(
        page=page,
        column=column,
        anchor=anchor(table, column) if column else "",
        more=bool(column and not column.heading.default),
        spread=_width(max((len(entry.spread) for entry in numbers), default=0)),
        marks=_width(max((MARK_SIZE * len(",".join(map(str, entry.marks))) for entry in numbers), default=0)),
    )


def _width(characters: float) -> int:
    return min(math.ceil(characters), WIDEST)


def _cell(table: Table, row: Row, column: GridColumn, entry: Entry) -> GridCell:
    cell = row.cells.get(column.page.metric)
    if column.column is None or cell is None or cell.estimate is None or cell.estimate.value is None:
        return GridCell(entry, None, "")
    estimate, scale, unit = cell.estimate, column.column.scale, column.page.unit
    interval = ""
    if estimate.interval and entry.spread:
        low, high = (significant(end * scale, INTERVAL_DIGITS) for end in estimate.interval)
        interval = f"95% interval {low} to {high} {unit}".strip()
    return GridCell(entry, _merit(table, column.column, row, estimate.value), interval)


def _merit(table: Table, column: Column, row: Row, value: float | None) -> float | None:
    """A row's value on the samples that the rows share, by which they are sorted; None if the row is not compared."""
    contest = table.contests.get(column.metric)
    if contest is None:
        return value
    at = contest.row.get(row.result.key)
    return None if at is None else float(contest.values[at])
