"""A table as people read it: the chosen columns as text, footnotes, and the lines above and below.

Terminal, Markdown and LaTeX typeset the same page; only escaping and rules differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from bench.contracts.results import Result
from bench.leaderboard.digits import Number
from bench.leaderboard.notes import Notes, cell_note, common_note, remarks, row_notes, skipped_alike
from bench.leaderboard.reasons import clean
from bench.leaderboard.relative import Relative
from bench.leaderboard.table import Column, Row, Table

DASH = "–"
DIFFERENCE = "Δ"


@dataclass(frozen=True)
class Entry:
    """One entry of the page: a number with its uncertainty, or words.

    Attributes:
        text: the rounded value, or the words.
        spread: its uncertainty, see ``Number.spread``.
        best: whether it is marked as the best of its column.
        marks: numbers of its footnotes.
        is_number: whether ``text`` is a number.
    """

    text: str = ""
    spread: str = ""
    best: bool = False
    marks: tuple[int, ...] = ()
    is_number: bool = False


@dataclass(frozen=True)
class PageColumn:
    """One column: its heading, and one entry per row; ``metric`` is empty where it states a fact about the rows."""

    title: str
    section: str
    entries: tuple[Entry, ...]
    arrow: str = ""
    unit: str = ""
    marks: tuple[int, ...] = ()
    metric: str = ""

    @property
    def top(self) -> str:
        """Title and direction, without the part of the title in parentheses, which stands below."""
        return f"{self.title.partition(' (')[0]} {self.arrow}".rstrip()

    @property
    def below(self) -> str:
        """The part of the title in parentheses, and the unit."""
        _, opening, qualifier = self.title.partition(" (")
        return " ".join(part for part in (opening.strip() + qualifier, self.unit and f"({self.unit})") if part)


@dataclass(frozen=True)
class Line:
    """One row's name, the title of its group (empty if there is only one), and whether it failed."""

    group: str
    name: Entry
    failed: bool


@dataclass(frozen=True)
class Page:
    """Everything that is printed of one table.

    Attributes:
        heading: the protocol line.
        columns: the columns in reading order.
        lines: the rows, grouped.
        remarks: sentences below the table.
        footnotes: their texts; the first has number 1.
        hidden: titles of columns with values that are left out, apart from details of single codebook levels.
        whole: the full text of a reason, by the remark or footnote that shows it shortened.
        reference: name of the row that differences are taken from; empty if values are shown.
    """

    heading: str
    columns: tuple[PageColumn, ...]
    lines: tuple[Line, ...]
    remarks: tuple[str, ...]
    footnotes: tuple[str, ...]
    hidden: tuple[str, ...]
    whole: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""

    @property
    def has_best(self) -> bool:
        """Whether any entry is marked as the best of its column."""
        return any(entry.best for column in self.columns for entry in column.entries)

    def legend(self, best: str) -> str:
        """Return what the signs on the page mean; ``best`` says how the best is marked. Empty if there are none."""
        spreads = [entry.spread for column in self.columns for entry in column.entries if entry.spread]
        forms = {"±": "± half of the 95% interval", "(": "(low to high) its ends where it is asymmetric"}
        used = [words for sign, words in forms.items() if any(spread.startswith(sign) for spread in spreads)]
        parts = [", ".join([*used, "none where a value is exact"])] if spreads else []
        arrows = {column.arrow for column in self.columns}
        parts += [text for sign, text in (("↑", "↑ higher is better"), ("↓", "↓ lower is better")) if sign in arrows]
        if self.reference:
            parts.append(
                f"{DIFFERENCE}: difference from {self.reference} on the same samples; its row shows its values"
            )
        if self.has_best:
            parts.append(f"{best}: best of the column, and all that a paired test cannot distinguish from it")
        return "; ".join(parts) + "." if parts else ""


def compose(table: Table, metrics: Sequence[str] | None = None, relative: Relative | None = None) -> Page:
    """Compose the page of a table.

    Args:
        table: the model.
        metrics: names of the metrics to show, in this order; by default the default columns. A remark below the table
            stands for one without any value; one that the table lacks is left out.
        relative: shows differences to one of its rows instead of values, where there are any.
    """
    chosen = _choose(table, metrics)
    having = [column for column in chosen if table.measured(column)]
    notes = Notes()
    common = {column.metric: common_note(table, column) for column in having}
    marks = {name: notes.mark([note] if note else []) for name, note in common.items()}
    names, entries = [], []
    alike = skipped_alike(table)
    for row in table.rows:
        names.append(Entry(clean(row.label), marks=notes.mark(row_notes(table, row, alike, notes))))
        entries.append({column.metric: _entry(row, column, common[column.metric], notes) for column in having})
    differing = [column for column in having if relative and relative.has(column)]
    if relative:
        for column in differing:
            _differ(entries, column, relative, notes)
    columns = [
        PageColumn(
            f"{DIFFERENCE} " * (column in differing) + clean(column.heading.title),
            column.heading.section,
            tuple(of_row[column.metric] for of_row in entries),
            column.arrow,
            clean(column.unit),
            marks[column.metric],
            column.metric,
        )
        for column in having
    ]
    groups = len({row.kind for row in table.rows}) > 1
    return Page(
        heading=clean(table.line),
        columns=tuple(_with_facts(columns, table)),
        lines=tuple(
            Line(row.kind if groups else "", name, row.failed) for row, name in zip(table.rows, names, strict=True)
        ),
        remarks=tuple(remarks(table, having, alike, notes)),
        footnotes=tuple(clean(text) for text in notes.numbers),
        hidden=tuple(
            clean(column.heading.title)
            for column in table.columns
            if column not in chosen and not column.heading.detail and table.measured(column)
        ),
        whole=notes.whole,
        reference=clean(relative.row.label) if relative and differing else "",
    )


def fold(page: Page, fits: Callable[[Sequence[PageColumn]], bool]) -> list[list[PageColumn]]:
    """Fold the columns into blocks that fit beside the names; a section stays whole where it can.

    A failed row says so in the first column of each block. ``fits`` says whether columns fit together.
    """
    blocks: list[list[PageColumn]] = []
    for _, section in groupby(page.columns, key=lambda column: column.section):
        columns = list(section)
        if blocks and fits([*blocks[-1], *columns]):
            blocks[-1].extend(columns)
            continue
        if not blocks or fits(columns):
            blocks.append([])
        for column in columns:
            if blocks[-1] and not fits([*blocks[-1], column]):
                blocks.append([])
            blocks[-1].append(column)
    blank = tuple(Entry(DASH) for _ in page.lines)
    blocks = blocks or [[PageColumn("Status", "", blank)]]
    return [[_with_failures(page, block[0]), *block[1:]] for block in blocks]


def _choose(table: Table, metrics: Sequence[str] | None) -> list[Column]:
    by_name = {column.metric: column for column in table.columns}
    if metrics is None:
        return [column for column in table.columns if column.heading.default]
    return [by_name[name] for name in metrics if name in by_name]


def _entry(row: Row, column: Column, common: str, notes: Notes) -> Entry:
    if row.failed:
        return Entry()
    cell = row.cells[column.metric]
    if cell.number is None:
        return Entry(DASH, marks=notes.mark([notes.shortened(cell.reason, cell.remedy)]))
    note = cell_note(column, cell)
    marks = notes.mark([note] if note and note != common else [])
    return Entry(cell.number.value, cell.number.spread, cell.best, marks, is_number=True)


def _differ(entries: Sequence[dict[str, Entry]], column: Column, relative: Relative, notes: Notes) -> None:
    """Replace a column's values by differences, except in the row of the reference."""
    numbers = relative.numbers(column)
    for row, of_row in zip(relative.table.rows, entries, strict=True):
        entry = of_row.get(column.metric, Entry())
        if row is relative.row or not entry.is_number:
            continue
        if row.result.key not in numbers:
            of_row[column.metric] = Entry(DASH, marks=notes.mark([relative.reason(row, column)]))
            continue
        shown = numbers[row.result.key]
        note = relative.note(row, column)
        marks = tuple(dict.fromkeys((*entry.marks, *notes.mark([note] if note else []))))
        of_row[column.metric] = replace(entry, text=shown.value, spread=shown.spread, marks=marks)


def _with_facts(columns: Sequence[PageColumn], table: Table) -> list[PageColumn]:
    """The columns, and beside them how the rows differ: samples, codebooks, setup."""
    counts = [row.result.dataset.n if row.result.dataset and not row.failed else None for row in table.rows]
    facts: Mapping[str, list[PageColumn]] = {"quality": [], "rate": [], "cost": []}
    if {count for count in counts if count is not None} - {table.protocol.dataset.n}:
        facts["quality"].append(_words("N", "quality", ["" if count is None else str(count) for count in counts]))
    books = ["" if row.failed else codebooks(row.result) for row in table.rows]
    if any(books):
        facts["rate"].append(_words("Codebook", "rate", books))
    if len(table.setups) > 1 and any(column.section == "cost" for column in columns):
        facts["cost"].append(_words("Setup", "cost", [row.setup for row in table.rows]))
    ordered = []
    for section, extra in facts.items():
        ordered += extra + [column for column in columns if column.section == section]
    return ordered


def _words(title: str, section: str, words: Sequence[str]) -> PageColumn:
    return PageColumn(title, section, tuple(Entry(word) for word in words))


def codebooks(result: Result) -> str:
    """The sizes of the codebooks: ``1024``, ``4×256``, ``4096+2×512``."""
    runs = [(size, len(list(same))) for size, same in groupby(book.size for book in result.codebooks)]
    return "+".join(f"{count}×{size}" if count > 1 else str(size) for size, count in runs)


def _with_failures(page: Page, column: PageColumn) -> PageColumn:
    entries = [
        Entry("failed") if line.failed else entry for line, entry in zip(page.lines, column.entries, strict=True)
    ]
    return replace(column, entries=tuple(entries))


def shown_number(entry: Entry) -> str:
    """Return an entry without its marks, as plain text."""
    return str(Number(entry.text, entry.spread))
