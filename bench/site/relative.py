"""Data with which the page of a table shows differences to a row that the reader chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench.leaderboard.page import DASH
from bench.leaderboard.reasons import clean
from bench.leaderboard.relative import Relative
from bench.leaderboard.table import Row, Table
from bench.site.drawing import System
from bench.site.grid import GridColumn

MOST_TEXTS = 20_000
"""Most differences on one page; in a longer table only the first rows can be chosen (``bench leaderboard``: any)."""


def choices(table: Table, columns: tuple[GridColumn, ...], pages: Mapping[str, System]) -> str:
    """Return the differences to each row as JSON, escaped for single quotes in HTML; empty if there are none.

    ``[{"name", "key", "columns": {index: {key: [number, spread], ...}}}, ...]``: by the index of the page's column and
    the short key of the row; a dash where a row with a value has no difference.

    Args:
        table: the table.
        columns: columns of the page.
        pages: short keys of the rows, by the key of the result.
    """
    rows = [row for row in table.rows if not row.failed]
    most = MOST_TEXTS // max(1, len(rows) * len(columns))
    references = [_choice(Relative(table, row), rows, columns, pages) for row in rows[:most]]
    usable = [choice for choice in references if choice["columns"]]
    if not usable:
        return ""
    text = json.dumps(usable, ensure_ascii=False, separators=(",", ":"))
    # Between single quotes, since an escaped quotation mark takes five characters, and there are thousands.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;")


def _choice(
    relative: Relative, rows: list[Row], columns: tuple[GridColumn, ...], pages: Mapping[str, System]
) -> dict[str, Any]:
    texts: dict[int, dict[str, list[str]]] = {}
    for index, shown in enumerate(columns):
        if shown.column is None or not relative.has(shown.column):
            continue
        numbers = relative.numbers(shown.column)
        by_row = texts.setdefault(index, {})
        for row in rows:
            if row is relative.row or not row.cells[shown.column.metric].number:
                continue
            number = numbers.get(row.result.key)
            by_row[pages[row.result.key].key] = [number.value, number.spread] if number else [DASH, ""]
    key = pages[relative.row.result.key].key
    return {"name": clean(relative.row.label), "key": key, "columns": texts}
