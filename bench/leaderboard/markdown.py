"""The page as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from bench.leaderboard.page import Entry, Page, PageColumn, fold

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]|~#$!])")


def text(pages: Sequence[Page]) -> str:
    """The pages one below the other, each under its protocol line as a heading."""
    return "\n".join(_page(page) for page in pages)


def escape(words: str) -> str:
    """Text that Markdown and HTML leave as it is, in a table too."""
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


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _header(column: PageColumn) -> str:
    unit = f" ({escape(column.unit)})" if column.unit else ""
    return f"{escape(f'{column.title} {column.arrow}'.rstrip())}{unit}{_marks(column.marks)}"


def _entry(entry: Entry) -> str:
    words = escape(entry.text)
    words = f"**{words}**" if entry.best else words
    half = f" ± {escape(entry.half)}" if entry.half else ""
    return f"{words}{half}{_marks(entry.marks)}"


def _marks(marks: Sequence[int]) -> str:
    return f" <sup>[{','.join(map(str, marks))}]</sup>" if marks else ""
