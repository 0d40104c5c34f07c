"""The report on a terminal."""

from __future__ import annotations

import shutil

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.gate.comparison import Verdict
from bench.gate.lines import Words

WIDTH = 120
STYLES = {
    Verdict.REGRESSED: "bold red",
    Verdict.UNDECIDED: "yellow",
    Verdict.WORSE: "yellow",
    Verdict.IMPROVED: "green",
}


def text(words: Words) -> str:
    """Return what ``show`` prints to stdout."""
    console = _console()
    with console.capture() as captured:
        show(words, console)
    return captured.get()


def show(words: Words, console: Console | None = None) -> None:
    """Print a report, by default to stdout; as wide as the terminal, or ``$COLUMNS``, or 120 characters."""
    console = console or _console()
    console.print(Text(words.headline, style="bold"))
    for block in words.blocks:
        console.print()
        console.print(Text(block.title, style="bold"))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for place, title in enumerate(words.titles):
            table.add_column(title, justify="right" if 0 < place < 5 else "left", no_wrap=0 < place < 5)
        for line in block.lines:
            style = STYLES.get(line.verdict, "")
            table.add_row(*(Text(cell) for cell in line.cells[:-1]), Text(line.cells[-1], style=style))
        console.print(table)
        if block.summary:
            console.print(Text(block.summary, style="dim"))
    console.print()
    if words.still:
        console.print(Text(f"Nothing moved: {', '.join(words.still)}"))
    for remark in words.remarks:
        console.print(Text(remark))


def _console() -> Console:
    return Console(width=shutil.get_terminal_size((WIDTH, 24)).columns)
