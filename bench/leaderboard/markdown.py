"""The page as GitHub-flavored Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bench.leaderboard.names import heading
from bench.leaderboard.page import Entry, Page, PageColumn, fold

if TYPE_CHECKING:
    from bench.leaderboard.reported import ReportedRow

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]|~#$!])")


def text(pages: Sequence[Page], reported: Sequence[Sequence[ReportedRow]]) -> str:
    """Return the pages one below the other, each under its protocol line as a heading.

    Args:
        pages: the tables as people read them.
        reported: for each page, what papers report under its protocol; shown below the table.
    """
    return "\n".join(_page(page) + _reported(rows) for page, rows in zip(pages, reported, strict=True))


def escape(words: str) -> str:
    """Escape text so that Markdown and HTML show it literally, in tables too."""
    return _PUNCTUATION.sub(r"\\\1", words.translate(_ENTITIES))


def _page(page: Page) -> str:
    (columns,) = fold(page, lambda _: True)
    lines = [f"## {escape(page.heading)}", ""]
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
