r"""The page as a LaTeX ``table`` with booktabs rules, ready for a paper: ``\usepackage{booktabs}`` is all it needs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby

from bench.leaderboard.page import Entry, Page, PageColumn, fold, shown_number

LINE_WIDTH = 84  # characters of \footnotesize in the text width of the article class
LONGEST_NAME = 30  # characters; longer ones are set in several lines
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{''}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # After \\ these would be read as its options; alone in braces they are text.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    # Two or three in a row would become a dash, or foreign quotation marks.
    "-": "{-}",
    ",": "{,}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "µ": r"\textmu{}",
}
# What pdfLaTeX's fonts have: Latin letters with these accents, and a few more.
_ACCENTS = set("\u0300\u0301\u0302\u0303\u0308\u030a\u030c\u0327")
_LETTERS = set("ßæøåÆØÅœŒłŁ¡¿£§¶©®°")
_SEPARATED = re.compile(r"[^/,=@_:.]*[/,=@_:.]+|[^/,=@_:.]+$")
_RUNS = re.compile(r"--+|,,+")


def text(pages: Sequence[Page]) -> str:
    """Return one ``table`` environment per page, wide ones folded into several tabulars."""
    return "\n".join(_page(page) for page in pages)


def escape(words: str) -> str:
    """Escape text so that LaTeX prints it literally; pdfLaTeX prints the number of a character it has no font for."""
    runs = {i for match in _RUNS.finditer(words) for i in range(*match.span())}
    return "".join(c if c in "-," and i not in runs else _character(c) for i, c in enumerate(words))


def _character(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    parts = unicodedata.normalize("NFD", char)
    if char in _LETTERS or (parts[0].isascii() and _ACCENTS.issuperset(parts[1:])):
        return char
    return rf"\ifdefined\Umathcode {char}\else U+{ord(char):04X}\fi{{}}"


def _page(page: Page) -> str:
    """One table environment per block, since a float cannot be broken; footnotes keep their numbers."""
    blocks = fold(page, lambda columns: _width(page, columns) <= LINE_WIDTH)
    return "\n".join(_environment(page, columns, number) for number, columns in enumerate(blocks, 1))


def _environment(page: Page, columns: Sequence[PageColumn], number: int) -> str:
    entries = [line.name for line in page.lines] + [entry for column in columns for entry in column.entries]
    marks = [entry.marks for entry in entries] + [column.marks for column in columns]
    used = sorted({mark for group in marks for mark in group})
    below = [page.legend("bold"), *page.remarks] if number == 1 else []
    notes = [escape(remark) for remark in below if remark]
    notes += [f"{_marks((mark,))} {escape(page.footnotes[mark - 1])}" for mark in used]
    caption, label = (" (continued)", f"-{number}") if number > 1 else ("", "")
    return "\n".join(
        [
            r"\begin{table}[tbp]",
            r"  \centering",
            r"  \footnotesize",
            r"  \setlength{\tabcolsep}{4pt}",
            f"  \\caption{{{escape(page.heading)}{caption}}}",
            f"  \\label{{tab:{_label(page.heading)}{label}}}",
            *_tabular(page, columns),
            *([r"  \par\smallskip", r"  \begin{minipage}{\linewidth}\raggedright\scriptsize"] if notes else []),
            *(f"    {note}\\par" for note in notes),
            *([r"  \end{minipage}"] if notes else []),
            r"\end{table}",
            "",
        ]
    )


def _tabular(page: Page, columns: Sequence[PageColumn]) -> list[str]:
    long = max(len(line.name.text) for line in page.lines) > LONGEST_NAME
    names = rf"p{{{LONGEST_NAME / LINE_WIDTH:.2f}\linewidth}}" if long else "l"
    lines = [rf"\begin{{tabular}}{{@{{}}{names}{'r' * len(columns)}@{{}}}}", r"\toprule"]
    lines.append(_row(["", *(f"{escape(column.top)}{_marks(column.marks)}" for column in columns)]))
    if any(column.below for column in columns):
        lines.append(_row(["", *(escape(column.below) for column in columns)]))
    lines.append(r"\midrule")
    rows = list(enumerate(page.lines))
    for group, members in groupby(rows, key=lambda row: row[1].group):
        if group:
            lines += [r"\addlinespace"] if lines[-1] != r"\midrule" else []
            lines.append(rf"\multicolumn{{{len(columns) + 1}}}{{@{{}}l}}{{\textit{{{escape(group)}}}}} \\")
        lines += [_row([_name(line.name), *(_aligned(column, i) for column in columns)]) for i, line in members]
    return [f"  {line}" for line in [*lines, r"\bottomrule", r"\end{tabular}"]]


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _name(name: Entry) -> str:
    """A system's name, which may be broken after its separators."""
    if len(name.text) <= LONGEST_NAME:
        return _entry(name)
    return r"\allowbreak{}".join(map(escape, _SEPARATED.findall(name.text))) + _marks(name.marks)


def _entry(entry: Entry, spread: str = "") -> str:
    words = escape(entry.text)
    words = rf"\textbf{{{words}}}" if entry.best else words
    # The marks of a number take no room, so that the decimal points stay aligned.
    marks = rf"\rlap{{{_marks(entry.marks)}}}" if entry.is_number and entry.marks else _marks(entry.marks)
    return f"{words}{spread}{marks}"


def _aligned(column: PageColumn, index: int) -> str:
    """An entry with room for the column's longest spread, so that the decimal points line up."""
    entry = column.entries[index]
    longest = max((other.spread for other in column.entries), key=len)
    if not entry.is_number or not longest:
        return _entry(entry)
    spread = f" {escape(entry.spread)}" if entry.spread else ""
    if len(entry.spread) < len(longest):
        spread = rf"\rlap{{{spread}}}\phantom{{ {escape(longest)}}}"
    return _entry(entry, spread)


def _marks(marks: Sequence[int]) -> str:
    return rf"\textsuperscript{{{{[}}{','.join(map(str, marks))}{{]}}}}" if marks else ""


def _label(heading: str) -> str:
    """The task's name and the fingerprint, which the protocol line begins and ends with."""
    words = re.findall(r"[A-Za-z0-9-]+", heading)
    return f"{words[0]}-{words[-1]}"


def _width(page: Page, columns: Sequence[PageColumn]) -> float:
    """Characters a tabular needs, the spaces between the columns included."""
    names = max(min(len(line.name.text) + _mark_width(line.name), LONGEST_NAME) for line in page.lines)
    return names + sum(_column_width(column) + 2 for column in columns)


def _column_width(column: PageColumn) -> float:
    bodies = [len(shown_number(entry)) + _mark_width(entry) for entry in column.entries]
    return max(len(column.top), len(column.below), *bodies)


def _mark_width(entry: Entry) -> float:
    return 0.7 * len(",".join(map(str, entry.marks))) + 1.4 if entry.marks else 0.0
