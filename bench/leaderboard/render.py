"""Tables as text: for a terminal, Markdown, LaTeX, CSV, JSON."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Literal, get_args

from rich.console import Console

from bench.errors import UnknownName
from bench.leaderboard import data, latex, markdown, terminal
from bench.leaderboard.collapse import judged_claims
from bench.leaderboard.page import Page, compose
from bench.leaderboard.relative import Relative
from bench.leaderboard.table import Table

Format = Literal["terminal", "markdown", "csv", "json", "latex"]
FORMATS: tuple[Format, ...] = get_args(Format)
DEFAULT_WIDTH = 120


def render(
    tables: Sequence[Table],
    format: str,
    *,
    width: int = DEFAULT_WIDTH,
    metrics: Sequence[str] | None = None,
    references: Sequence[Relative | None] | None = None,
) -> str:
    """Render the tables in one format; the same results give the same bytes on every machine.

    Args:
        tables: what to render.
        format: one of ``FORMATS``. ``terminal`` is plain text; ``styled`` has bold type.
        width: width of the terminal in characters; other formats do not fold.
        metrics: the columns for people, in order; by default a selection. CSV and JSON have all.
        references: what each table is relative to; nothing by default.

    Raises:
        UnknownName: no such format, or no such metric in a table.
    """
    if format == "json":
        return data.to_json(tables, references)
    if format == "csv":
        return data.to_csv(tables, references)
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    from bench.leaderboard.reported import beside

    pages = _pages(tables, metrics, references)
    if format == "latex":
        return latex.text(pages)
    claims = [judged_claims(table) for table in tables]
    if format == "terminal":
        return terminal.text(pages, width, claims)
    return markdown.text(pages, [beside(table) for table in tables], claims)


def styled(
    tables: Sequence[Table],
    console: Console | None = None,
    metrics: Sequence[str] | None = None,
    references: Sequence[Relative | None] | None = None,
) -> str:
    """Render the tables as a console shows them, by default stdout, folded to the terminal's width.

    The best is bold; where the console is not a terminal it has an asterisk, and the width is ``$COLUMNS`` or 120.
    """
    console = console or Console(width=shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns)
    with console.capture() as capture:
        terminal.show(_pages(tables, metrics, references), console, [judged_claims(table) for table in tables])
    return capture.get()


def _pages(
    tables: Sequence[Table], metrics: Sequence[str] | None, references: Sequence[Relative | None] | None
) -> list[Page]:
    known = {column.metric for table in tables for column in table.columns}
    for name in metrics or ():
        if name not in known:
            raise UnknownName("metric of these results", name, known)
    return [compose(table, metrics, to) for table, to in zip(tables, references or [None] * len(tables), strict=True)]
