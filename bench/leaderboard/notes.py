"""Notes around the numbers of a table: footnotes of cells and rows, and the remarks below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.contracts.results import Result
from bench.errors import with_remedy
from bench.leaderboard.names import titled
from bench.leaderboard.reasons import brief, clean, shortened
from bench.leaderboard.table import Cell, Column, Row, Table

NAMED_SAMPLES = 3
UNDECIDED = "no best is marked and every rank is a tie, because no difference has a known error"
ALONE = "no best is marked, because no two rows rest on the same samples"


@dataclass
class Notes:
    """The notes of one table.

    Attributes:
        numbers: footnotes by their text, numbered in the order of their first use.
        whole: the full text of each reason that is shown shortened, by the short text.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)

    def mark(self, texts: Iterable[str]) -> tuple[int, ...]:
        """Return the numbers of some footnotes, adding those that are new."""
        return tuple(self.numbers.setdefault(text, len(self.numbers) + 1) for text in texts)

    def shortened(self, reason: str, remedy: str = "", before: str = "") -> str:
        """Return ``before``, the reason in short and its remedy; the full text is kept in ``whole`` if it says more."""
        reason, remedy = titled(reason), titled(remedy)
        short, whole = (clean(before + with_remedy(text, remedy)) for text in (brief(reason, remedy), reason))
        if short != whole:
            self.whole.setdefault(short, whole.removeprefix(before))
        return short


def row_notes(table: Table, row: Row, skipped_alike: bool, collected: Notes) -> list[str]:
    """Return the notes of a row: why it failed or is doubtful, and which samples it lacks unless all lack the same."""
    failed = "failed: " if row.failed else ""
    notes = [collected.shortened(f"{error.type}: {error.message}", error.remedy, failed) for error in row.result.errors]
    if row.failed and not notes:
        notes = ["failed, and no error was recorded"]
    if not skipped_alike and row.result.dataset and row.result.dataset.skipped:
        notes.append(_skipped(table, row.result))
    if row.result.dataset and row.result.dataset.failed:
        notes.append(f"the system failed on {_samples(table, row.result.dataset.failed)}")
    warnings = (warning for result in (row.result, *row.others) for warning in result.warnings)
    notes += [collected.shortened(warning) for warning in dict.fromkeys(warnings)]
    return notes


def cell_note(column: Column, cell: Cell) -> str:
    """Return the note of a value: failures, the metric's note, why there is no interval; empty if there is none."""
    estimate, title = cell.estimate, column.heading.title
    if estimate is None:
        return ""
    notes = [estimate.note, "" if estimate.interval else estimate.method, cell.apart]
    text = "; ".join(note for note in notes if note)
    missing = f"{estimate.failures} of {estimate.n + estimate.failures} samples"
    if estimate.failures and missing not in text:
        return f"{title} undefined on {missing}" + (f": {text}" if text else "")
    return f"{title}: {text}" if text else ""


def common_note(table: Table, column: Column) -> str:
    """Return the note that all values of a column share, which stands at its title; empty if there is none."""
    notes = [cell_note(column, row.cells[column.metric]) for row in table.measured(column)]
    return notes[0] if len(notes) > 1 and len(set(notes)) == 1 else ""


def skipped_alike(table: Table) -> bool:
    """Whether every measured row left out the same samples, so that one remark is enough."""
    skipped = [row.result.dataset.skipped for row in table.rows if row.result.dataset and not row.failed]
    return bool(skipped) and all(samples == skipped[0] for samples in skipped)


def _skipped(table: Table, result: Result) -> str:
    return f"skipped {_samples(table, result.dataset.skipped if result.dataset else {})}"


def _samples(table: Table, reasons: Mapping[str, str]) -> str:
    """How many samples, and the first of them with their reasons."""
    named = "; ".join(
        f"{sample}: {shortened(clean(reason))}" for sample, reason in sorted(reasons.items())[:NAMED_SAMPLES]
    )
    more = f"; and {len(reasons) - NAMED_SAMPLES} more" if len(reasons) > NAMED_SAMPLES else ""
    return f"{len(reasons)} of {table.protocol.dataset.n} samples: {named}{more}"


def remarks(table: Table, columns: Sequence[Column], skipped_alike: bool, notes: Notes) -> list[str]:
    """Return the sentences below the table: order, devices, samples left out or converted, metrics without a value."""
    remarks = []
    kinds = list(dict.fromkeys(row.kind for row in table.rows))
    if len(table.rows) > 1 and table.order:
        by = f"by {clean(table.order.heading.title)}, best first"
        groups = f"Rows: {', '.join(kinds).lower()}; each sorted {by}."
        remarks.append(groups if len(kinds) > 1 else f"Rows sorted {by}.")
    bound = [column for column in columns if column.device_bound]
    if bound:
        titles = _listed(clean(column.heading.title) for column in bound)
        setups = [f"{letter} = {clean(setup)}" for letter, setup in table.setups.items()]
        if len(setups) > 1:
            remarks.append(f"{titles} compare only within one setup, so no best is marked: {'; '.join(setups)}.")
        else:
            remarks.append(f"{titles} measured on {clean(next(iter(table.setups.values())))}.")
    if skipped_alike:
        common = {_skipped(table, r.result) for r in table.rows if r.result.dataset and r.result.dataset.skipped}
        remarks += [clean(f"Every row: {text}.") for text in sorted(common)]
    return remarks + _compared(table, columns) + _converted(table) + _unavailable(table, notes)


def _compared(table: Table, columns: Sequence[Column]) -> list[str]:
    """A sentence per way in which the rows of columns are not compared on all samples, pair by pair."""
    titles: dict[str, list[str]] = {}
    for column in columns:
        contest = table.contests.get(column.metric)
        if contest and (note := contest.note if contest.decides else ALONE if len(contest.keys) < 2 else UNDECIDED):
            titles.setdefault(note, []).append(clean(column.heading.title))
    return [f"{_listed(named)}: {note}." for note, named in titles.items()]


def _converted(table: Table) -> list[str]:
    """One sentence on the samples whose stored form had to be changed before they could be measured."""
    counts: dict[str, int] = {}
    for row in table.rows:
        for conversion, samples in (row.result.dataset.converted if row.result.dataset else {}).items():
            counts[conversion] = max(counts.get(conversion, 0), len(samples))
    conversions = ", ".join(f"{count} {conversion}" for conversion, count in sorted(counts.items()))
    return [clean(f"Samples converted as the protocol states: {conversions}.")] if conversions else []


def _unavailable(table: Table, notes: Notes) -> list[str]:
    """One sentence per cause, or set of causes, for which values are missing in every row, with its remedy."""
    titles: dict[tuple[str, ...], list[str]] = {}
    whole: dict[tuple[str, ...], dict[str, None]] = {}
    remedies: dict[str, dict[str, None]] = {}
    for column in table.columns:
        if column.heading.detail or table.measured(column):
            continue
        cells = [row.cells[column.metric] for row in table.rows if not row.failed]
        short = [brief(titled(cell.reason), cell.remedy) for cell in cells]
        for cause, cell in zip(short, cells, strict=True):
            remedies.setdefault(cause, {}).update(dict.fromkeys([titled(cell.remedy)] * bool(cell.remedy)))
        causes = tuple(dict.fromkeys(short))
        titles.setdefault(causes, []).append(column.heading.title)
        whole.setdefault(causes, {}).update(dict.fromkeys(titled(cell.lacking) for cell in cells))
    sentences = []
    for causes, names in titles.items():
        reasons = "; ".join(with_remedy(cause, "; ".join(remedies[cause])) for cause in causes)
        sentences.append(clean(f"No values for {_listed(names)}: {reasons}"))
        if (text := clean("; ".join(whole[causes]))) != clean(reasons):
            notes.whole[sentences[-1]] = text
    return sentences


def _listed(items: Iterable[str]) -> str:
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
