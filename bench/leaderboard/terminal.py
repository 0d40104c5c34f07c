"""The page on a terminal, folded to its width."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from itertools import groupby

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from bench.leaderboard.collapse import Judged
from bench.leaderboard.collapse_text import grids, notes
from bench.leaderboard.page import Entry, Page, PageColumn, fold

NARROWEST_NAME = 16
PLAIN_BEST = "*"


def text(pages: Sequence[Page], width: int, claims: Sequence[Judged | None] | None = None) -> str:
    """Return the pages as plain text of ``width`` characters per line, the same on every machine."""
    stream = io.StringIO()
    # An empty environment, so that no variable of the shell changes what is written.
    console = Console(file=stream, width=width, color_system=None, legacy_windows=False, _environ={})
    show(pages, console, claims)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def show(pages: Sequence[Page], console: Console, claims: Sequence[Judged | None] | None = None) -> None:
    """Print the pages; the best is bold, or marked by an asterisk where nothing can be bold.

    Args:
        claims: for each page, what a survey claims of its systems; what was measured of it is shown below the table.
    """
    plain = console.color_system is None
    for number, (page, judged) in enumerate(zip(pages, claims or [None] * len(pages), strict=True)):
        if number:
            console.print()
        console.print(Text(page.heading, style="bold"))
        for block in fold(page, partial(_fits, page, console)):
            console.print(_grid(page, block, console.width, plain))
            console.print()
        for remark in (page.legend(PLAIN_BEST if plain else "bold"), *page.remarks):
            if remark:
                console.print(Text(remark, style="dim"))
        for index, footnote in enumerate(page.footnotes, 1):
            console.print(Text(f"[{index}] {footnote}", style="dim"))
        if page.hidden:
            console.print(Text(f"More columns with --format csv or json: {', '.join(page.hidden)}.", style="dim"))
        if judged:
            _show_claims(judged, console)


def _show_claims(judged: Judged, console: Console) -> None:
    """Print the claims of which something was measured, how many were not, and what the tables mean."""
    console.print()
    console.print(Text(f"Claimed by {judged.source}, and measured:", style="bold"))
    for shown in grids(judged, everything=False):
        grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False, header_style="")
        for place, title in enumerate(shown.titles):
            grid.add_column(title, justify="right" if place in shown.numeric else "left", overflow="fold")
        for group, rows in groupby(shown.rows, key=lambda row: row.group):
            if group:
                grid.add_row(Text(group, style="italic"))
            for row in rows:
                grid.add_row(*map(Text, row.texts))
        console.print(grid)
        console.print()
    left = sum(not line.measured for line in (*judged.families, *judged.remedies))
    remarks = [f"{left} claims about what was not measured here are left out; --format markdown shows them."] * bool(
        left
    )
    for remark in (*notes(judged), *remarks):
        console.print(Text(remark, style="dim"))


def _fits(page: Page, console: Console, columns: Sequence[PageColumn]) -> bool:
    grid = _grid(page, columns, console.width, plain=True)
    return console.measure(grid, options=console.options.update(max_width=10**6)).maximum <= console.width


def _grid(page: Page, columns: Sequence[PageColumn], width: int, plain: bool) -> Grid:
    names = [_entry(line.name, (0, 0), plain) for line in page.lines]
    widest = max(cell_len(text) for text in [*(name.plain for name in names), *(line.group for line in page.lines)])
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False, header_style="")
    grid.add_column("", max_width=min(widest, max(NARROWEST_NAME, width // 3)), overflow="fold", vertical="bottom")
    for column in columns:
        grid.add_column(_header(column), justify="right", no_wrap=True)
    widths = [_widths(column) for column in columns]
    rows = list(zip(page.lines, names, strict=True))
    position = 0
    for group, lines in groupby(rows, key=lambda row: row[0].group):
        if group:
            if position:
                grid.add_section()
            grid.add_row(Text(group, style="italic"))
        for _, name in lines:
            cells = [_entry(c.entries[position], w, plain) for c, w in zip(columns, widths, strict=True)]
            grid.add_row(name, *cells)
            position += 1
    return grid


def _header(column: PageColumn) -> Text:
    header = Text(justify="right")
    header.append(column.top, style="bold")
    header.append(_marks(column.marks), style="dim")
    if column.below:
        header.append(f"\n{column.below}", style="dim")
    return header


def _widths(column: PageColumn) -> tuple[int, int]:
    """Widths of the longest spread and of the longest marks, so that the decimal points line up."""
    numbers = [entry for entry in column.entries if entry.is_number]
    return max((len(n.spread) for n in numbers), default=0), max((len(_marks(n.marks)) for n in numbers), default=0)


def _entry(entry: Entry, widths: tuple[int, int], plain: bool) -> Text:
    spread, marks = widths
    star = PLAIN_BEST if plain and entry.best else ""
    text = Text()
    text.append(star + entry.text, style="bold" if entry.best and not plain else "")
    if entry.is_number and spread:
        text.append(f" {entry.spread:<{spread}}")
    text.append(f"{_marks(entry.marks):<{marks if entry.is_number else 0}}", style="dim")
    return text


def _marks(marks: Sequence[int]) -> str:
    return f" [{','.join(map(str, marks))}]" if marks else ""
