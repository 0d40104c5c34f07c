"""The page as GitHub-flavored Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bench.leaderboard.collapse import Judged
from bench.leaderboard.collapse_text import NOTES, Grid, grids
from bench.leaderboard.names import heading
from bench.leaderboard.page import Entry, Page, PageColumn, fold

if TYPE_CHECKING:
    from bench.leaderboard.reported import ReportedRow

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]|~#$!])")


def text(
    pages: Sequence[Page], reported: Sequence[Sequence[ReportedRow]], claims: Sequence[Judged | None] | None = None
) -> str:
    """Return the pages one below the other, each under its protocol line as a heading.

    Args:
        pages: the tables as people read them.
        reported: for each page, what papers report under its protocol; shown below the table.
        claims: for each page, what a survey claims of its systems; shown above the table.
    """
    parts = zip(pages, reported, claims or [None] * len(pages), strict=True)
    return "\n".join(_page(page, judged) + _reported(rows) for page, rows, judged in parts)


def escape(words: str) -> str:
    """Escape text so that Markdown and HTML show it literally, in tables too."""
    return _PUNCTUATION.sub(r"\\\1", words.translate(_ENTITIES))


def _page(page: Page, judged: Judged | None) -> str:
    (columns,) = fold(page, lambda _: True)
    lines = [f"## {escape(page.heading)}", "", *(_claims(judged) if judged else [])]
    lines += [_row(["System", *map(_header, columns)]), _row([":--", *("--:" for _ in columns)])]
    rows = list(enumerate(page.lines))
    for group, members in groupby(rows, key=lambda row: row[1].group):
        if group:
            lines.append(_row([f"*{escape(group)}*", *("" for _ in columns)]))
        lines += [_row([_entry(line.name), *(_entry(column.entries[i]) for column in columns)]) for i, line in members]
    below = [escape(remark) for remark in (page.legend("bold"), *page.remarks) if remark]
    below += [f"{_marks((number,)).strip()} {escape(footnote)}" for number, footnote in enumerate(page.footnotes, 1)]
    lines += ["", *(f"- {remark}" for remark in below)] if below else []
    return "\n".join(lines) + "\n"


def _claims(judged: Judged) -> list[str]:
    """The claims as tables, what they mean, and the heading of the leaderboard that follows."""
    lines = [f"What *{escape(judged.source)}* claims, and what was measured. {escape(judged.budget)}", ""]
    for grid in grids(judged):
        lines += [f"### {escape(grid.title)}", "", *_grid(grid), ""]
    return [*lines, *(f"- {escape(note)}" for note in NOTES), "", "### Leaderboard", ""]


def _grid(grid: Grid) -> list[str]:
    lines = [
        _row([escape(title) for title in grid.titles]),
        _row(["--:" if place in grid.numeric else ":--" for place in range(len(grid.titles))]),
    ]
    for group, rows in groupby(grid.rows, key=lambda row: row.group):
        if group:
            lines.append(_row([f"*{escape(group)}*", *("" for _ in grid.titles[1:])]))
        lines += [_row([escape(text) for text in row.texts]) for row in rows]
    return lines


def _reported(rows: Sequence[ReportedRow]) -> str:
    if not rows:
        return ""
    lines = ["", "Reported by papers under this preset, not ranked; in brackets: measured minus reported:", ""]
    for row in rows:
        values = [
            f"{heading(metric).title} {value}" + (f" [{row.differences[metric]}]" if metric in row.differences else "")
            for metric, value in row.values.items()
        ]
        source = f"[{escape(row.entry.source)}](<{row.link}>)" if row.link else escape(row.entry.source)
        lines.append(f"- {escape(row.entry.system)}: {escape(', '.join(values))} ({source})")
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _header(column: PageColumn) -> str:
    unit = f" ({escape(column.unit)})" if column.unit else ""
    return f"{escape(f'{column.title} {column.arrow}'.rstrip())}{unit}{_marks(column.marks)}"


def _entry(entry: Entry) -> str:
    words = escape(entry.text)
    words = f"**{words}**" if entry.best else words
    spread = f" {escape(entry.spread)}" if entry.spread else ""
    return f"{words}{spread}{_marks(entry.marks)}"


def _marks(marks: Sequence[int]) -> str:
    return f" <sup>[{','.join(map(str, marks))}]</sup>" if marks else ""
