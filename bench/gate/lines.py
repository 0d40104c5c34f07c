"""The report in words: the same lines for the terminal and for Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.gate.comparison import WITHIN_TOLERANCE, Comparison, Verdict
from bench.gate.power import MOST
from bench.gate.remarks import MOST_NAMED, listed, remarks, unjudged_costs, without_value
from bench.gate.verdicts import Report
from bench.leaderboard.digits import fixed, signed, supported
from bench.leaderboard.reasons import clean

TITLES = ("Metric", "Before", "After", "Difference", "95% interval")
FEWEST_DECIMALS, MOST_DECIMALS = 3, 9
NOT_BEYOND_CHANCE = "worse than the tolerance, not beyond chance"
LABELS = {Verdict.SHOWN: "", Verdict.WORSE: NOT_BEYOND_CHANCE}
"""Labels of verdicts where people should not read the verdict's own word."""


@dataclass(frozen=True)
class Line:
    """One comparison as it is shown: one text per title of ``Words.titles``, and its verdict."""

    cells: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Block:
    """The comparisons of one pair that moved.

    Attributes:
        title: the system, and what it is compared with where that has another name.
        lines: the comparisons that moved.
        summary: what did not move, in words.
    """

    title: str
    lines: tuple[Line, ...]
    summary: str


@dataclass(frozen=True)
class Words:
    """A report as text.

    Attributes:
        headline: the outcome in a sentence.
        titles: titles of the columns.
        blocks: the pairs in which something moved.
        still: titles of the pairs in which nothing moved.
        remarks: what was not compared and why, and how the verdicts came about.
    """

    headline: str
    titles: tuple[str, ...]
    blocks: tuple[Block, ...]
    still: tuple[str, ...]
    remarks: tuple[str, ...]


def describe(report: Report) -> Words:
    """Return the report in words."""
    blocks, still = [], []
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for row in report.comparisons:
        groups.setdefault((row.task, row.against, row.system), []).append(row)
    for (_, against, system), rows in groups.items():
        title = clean(system if system == against else f"{against} → {system}")
        rows = [row for row in rows if not row.detail and row.verdict not in (Verdict.NOT_COMPARED, Verdict.MISSING)]
        moved = [
            row for row in rows if row.moved and not (row.device_bound and report.verdicts and row.tolerance is None)
        ]
        if any(not row.device_bound or row.verdict != Verdict.HELD for row in moved):
            unchanged = [row.title for row in rows if row not in moved]
            blocks.append(Block(title, tuple(map(_line, moved)), _summary(unchanged)))
        else:
            still.append(title)
    titles = (*TITLES, "Verdict" if report.verdicts else "Note")
    return Words(headline(report), titles, tuple(blocks), tuple(still), tuple(map(clean, remarks(report))))


def headline(report: Report) -> str:
    """Return the outcome in one sentence."""
    systems = len({(row.task, row.against, row.system) for row in report.comparisons})
    summary = f"{systems} system{'s' * (systems != 1)} compared{report.matched.sides.named}"
    if not report.verdicts:
        return summary
    counts = Counter(row.verdict for row in report.comparisons)
    parts = [
        f"{counts[kind]} {_counted(report, kind)}"
        for kind in (Verdict.REGRESSED, Verdict.UNDECIDED, Verdict.WORSE, Verdict.IMPROVED, Verdict.HELD)
    ]
    counted = ", ".join(part for part in parts if not part.startswith("0 "))
    lost = [measured.name for measured in report.matched.missing]
    gone: dict[str, list[str]] = {}
    for (_, title, _), rows in without_value(report).items():
        gone.setdefault(title, []).extend(row.system for row in rows)
    for title, names in gone.items():
        lost.append(f"{title} of {names[0] if len(names) == 1 else f'{len(names)} systems'}")
    summary += f"; metrics: {counted}" if counted else ""
    if report.judge_cost and unjudged_costs(report):
        summary += "; speed and memory not judged"
    return f"{_outcome(report)}: {summary}" + (f"; missing: {listed(lost)}" if lost else "")


def _counted(report: Report, kind: Verdict) -> str:
    """A verdict in the headline; for losses that may be chance, which ones, and how many groups would decide."""
    if kind != Verdict.WORSE:
        return str(kind)
    rows = report.having(kind)
    named = listed([f"{row.title} of {row.system}" for row in rows])
    needed = sorted(row.needed for row in rows if row.needed)
    ends = " to ".join(dict.fromkeys(f"{_rounded(count):,}" for count in needed[:1] + needed[-1:]))
    return f"{NOT_BEYOND_CHANCE} ({named}{f'; about {ends} groups needed to decide' if needed else ''})"


def _outcome(report: Report) -> str:
    """The outcome in capitals, in the order in which the exit code depends on it."""
    loss = "worse, not beyond chance" if report.having(Verdict.WORSE) else "undecided"
    if report.regressed:
        return "REGRESSED"
    if report.fails:
        return f"{loss.upper()} (--strict)"
    if report.matched.failed:
        return "FAILED"
    if report.incomplete and report.judged:
        return "INCOMPLETE"
    if report.worse:
        return loss.upper()
    return "HELD" if report.judged else "NOTHING COMPARABLE"


def _line(row: Comparison) -> Line:
    verdict = LABELS.get(row.verdict, str(row.verdict))
    reason = f"{row.reason} of {amount(row)}" if row.reason == WITHIN_TOLERANCE else row.reason
    details = [reason, data_needed(row), row.note]
    if row.adjusted is not None and row.verdict in (Verdict.REGRESSED, Verdict.WORSE):
        details.insert(0, f"p {probability(row.adjusted)}")
    if row.method.startswith("not paired"):
        details.append(row.method)
    explanation = "; ".join(filter(None, details))
    arrow = {True: " ↑", False: " ↓", None: ""}[row.higher_is_better]
    unit = f" ({row.shown_in[0]})" if row.shown_in[0] else ""
    before, after, change, interval = numbers(row)
    last = ": ".join(filter(None, (verdict, explanation)))
    return Line(tuple(map(clean, (f"{row.title}{arrow}{unit}", before, after, change, interval, last))), row.verdict)


def numbers(row: Comparison) -> tuple[str, str, str, str]:
    """Write before, after, difference and interval in the unit of tables (``row.shown_in``).

    The difference and its interval have at least two significant digits; what is missing is a dash.
    """
    scale = row.shown_in[1]
    sides = [None if value is None else scale * value for value in (row.before, row.after)]
    difference = None if row.difference is None else scale * row.difference
    interval = None if row.interval is None else [scale * end for end in row.interval]
    spans = [abs(difference or 0.0)]
    if interval:
        spans.append((interval[1] - interval[0]) / 2)
    whole = all(float(value or 0).is_integer() for value in sides)
    places = 0 if whole else max((supported(span) for span in spans if span), default=FEWEST_DECIMALS)
    places = min(max(places, 0), MOST_DECIMALS)
    before, after = ("–" if value is None else fixed(value, places) for value in sides)
    change = "–" if difference is None else _signed(difference, places)
    if interval is None:
        return before, after, change, "–"
    return before, after, change, f"{_signed(interval[0], places)} … {_signed(interval[1], places)}"


def data_needed(row: Comparison) -> str:
    """Return how much data it takes to decide on a difference of this size; empty where the question does not arise."""
    if row.verdict != Verdict.WORSE:
        return ""
    if row.device_bound:
        return "more repeated runs may decide it"
    if row.groups is None:
        return ""
    if row.needed is None:
        return f"more than {MOST:,} groups needed to detect a difference of this size; here {row.groups}"
    return f"about {_rounded(row.needed):,} groups needed to detect a difference of this size; here {row.groups}"


def _rounded(count: int) -> int:
    """A count with two digits, rounded up."""
    step: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step


def amount(row: Comparison) -> str:
    """Return the tolerance as tables show it, with its unit; percentages are in percentage points."""
    unit, scale = row.shown_in
    return f"{scale * (row.tolerance or 0):.3g} {'pp' if unit == '%' else unit}".strip()


def probability(p: float) -> str:
    """Return a p-value as text that follows "p", such as "= 0.012" or "< 0.001"."""
    return "= 0 (certain)" if p == 0 else f"= {p:.2g}" if p >= 0.001 else "< 0.001"


def _signed(value: float, places: int) -> str:
    return signed(fixed(value, places))


def _summary(unchanged: Sequence[str]) -> str:
    if len(unchanged) <= MOST_NAMED:
        return f"Unchanged: {', '.join(unchanged)}" if unchanged else ""
    return f"{len(unchanged)} more unchanged (which: --format json)"
