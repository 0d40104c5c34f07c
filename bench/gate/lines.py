"""A report in words: the same lines for the terminal and for Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.gate.comparison import NEITHER, WITHIN_CHANCE, WITHIN_TOLERANCE, Comparison, Verdict
from bench.gate.pairing import Measured
from bench.gate.verdicts import Report
from bench.leaderboard.digits import fixed, signed, supported
from bench.leaderboard.reasons import clean

TITLES = ("Metric", "Before", "After", "Difference", "95% interval")
FEWEST_DECIMALS, MOST_DECIMALS = 3, 9
MOST_NAMED = 6
"""Names that a sentence lists."""


@dataclass(frozen=True)
class Line:
    """One comparison as it is shown: a text for each of ``Words.titles``, and which verdict it is."""

    cells: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Block:
    """The comparisons of one pair that moved.

    Attributes:
        title: the system, and what it is compared with where that is called otherwise.
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
        titles: of the columns.
        still: titles of the pairs in which nothing moved.
        remarks: what was not compared and why, and how the verdicts came about.
    """

    headline: str
    titles: tuple[str, ...]
    blocks: tuple[Block, ...]
    still: tuple[str, ...]
    remarks: tuple[str, ...]


def describe(report: Report) -> Words:
    """The words of a report."""
    found, still = [], []
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
            found.append(Block(title, tuple(map(_line, moved)), _summary(unchanged)))
        else:
            still.append(title)
    titles = (*TITLES, "Verdict" if report.verdicts else "Note")
    return Words(headline(report), titles, tuple(found), tuple(still), tuple(map(clean, _remarks(report))))


def headline(report: Report) -> str:
    """The outcome in a sentence."""
    systems = len({(row.task, row.against, row.system) for row in report.comparisons})
    told = f"{systems} system{'s' * (systems != 1)} compared{report.matched.sides.named}"
    if not report.verdicts:
        return told
    counts = Counter(row.verdict for row in report.comparisons)
    parts = [
        f"{counts[kind]} {kind}" for kind in (Verdict.REGRESSED, Verdict.UNDECIDED, Verdict.IMPROVED, Verdict.HELD)
    ]
    outcome = "REGRESSED" if report.regressed else "HELD" if report.judged else "NOTHING COMPARABLE"
    if report.matched.failed and not report.regressed:
        outcome = "FAILED"
    elif report.incomplete and outcome == "HELD":
        outcome = "INCOMPLETE"
    counted = ", ".join(part for part in parts if not part.startswith("0 "))
    lost = [one.name for one in report.matched.missing]
    gone: dict[str, list[str]] = {}
    for (_, title, _), names in _gone(report).items():
        gone.setdefault(title, []).extend(names)
    for title, names in gone.items():
        lost.append(f"{title} of {names[0] if len(names) == 1 else f'{len(names)} systems'}")
    told += f"; metrics: {counted}" if counted else ""
    return f"{outcome}: {told}" + (f"; missing: {_listed(lost)}" if lost else "")


def _line(row: Comparison) -> Line:
    verdict = "" if row.verdict == Verdict.SHOWN else str(row.verdict)
    reason = f"{row.reason} of {amount(row)}" if row.reason == WITHIN_TOLERANCE else row.reason
    told = [reason, row.note]
    if row.adjusted is not None and (row.verdict == Verdict.REGRESSED or row.reason == WITHIN_CHANCE):
        told.insert(0, f"p {probability(row.adjusted)}")
    if row.method.startswith("not paired"):
        told.append(row.method)
    details = "; ".join(filter(None, told))
    arrow = {True: " ↑", False: " ↓", None: ""}[row.higher_is_better]
    unit = f" ({row.shown_in[0]})" if row.shown_in[0] else ""
    before, after, change, interval = numbers(row)
    said = ": ".join(filter(None, (verdict, details)))
    return Line(tuple(map(clean, (f"{row.title}{arrow}{unit}", before, after, change, interval, said))), row.verdict)


def numbers(row: Comparison) -> tuple[str, str, str, str]:
    """Before, after, difference and interval, with two digits at least of the difference and of its interval.

    In the unit of tables, ``row.shown_in``.
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


def amount(row: Comparison) -> str:
    """The tolerance as tables show it; of a percentage in percentage points."""
    unit, scale = row.shown_in
    return f"{scale * (row.tolerance or 0):.3g} {'pp' if unit == '%' else unit}".strip()


def probability(p: float) -> str:
    """A p-value as people read it."""
    return "= 0 (certain)" if p == 0 else f"= {p:.2g}" if p >= 0.001 else "< 0.001"


def _excludes_zero(row: Comparison) -> bool:
    return row.interval is not None and (row.interval[0] > 0 or row.interval[1] < 0)


def _signed(value: float, places: int) -> str:
    return signed(fixed(value, places))


def _remarks(report: Report) -> Iterable[str]:
    matched = report.matched
    if report.tested:
        yield (
            f"Regressed: worse by more than the tolerance, and beyond chance at {report.level:g} over the "
            f"{report.tested} comparisons of quality in which anything moved (p for that many: Holm of the means, "
            "Westfall-Young of joint sign flips of whole groups)."
        )
        if any(row.reason == WITHIN_CHANCE and _excludes_zero(row) for row in report.comparisons):
            yield "An interval is of its row alone: it may exclude 0 where p, which counts all comparisons, does not."
    if report.verdicts and any(row.device_bound and row.tolerance is not None for row in report.comparisons):
        yield (
            "Speed and memory are judged apart, by the noise within each run: another load of the machine looks like a "
            "change; --no-cost leaves them out."
        )
    sides = matched.sides
    for failed, side in ((matched.failed, sides.after), (matched.failed_before, sides.before)):
        for one in failed:
            error = one.result.errors[0] if one.result.errors else None
            yield f"Failed in {side}: {one.name}: {f'{error.type}: {error.message}' if error else 'no reason recorded'}"
    if matched.missing:
        yield f"Missing from {sides.after}: {_names(matched.missing)}."
    for (metric, title, reason), names in _gone(report).items():
        yield (f"Missing: {title} of {_listed(names)}: {reason}. Measure it, or leave it out: --tolerance {metric}=inf")
    if matched.new:
        yield f"Not in {sides.before}: {_names(matched.new)}."
    if matched.elsewhere:
        yield f"Tasks that {sides.after} has not: {', '.join(matched.elsewhere)}."
    yield from _not_compared(report)


def _not_compared(report: Report) -> Iterable[str]:
    """What was not compared, by reason, metrics that share it together; those that no system has in one line."""
    reasons: dict[str, dict[str, None]] = {}
    systems = {(row.task, row.against, row.system) for row in report.comparisons}
    neither: dict[str, set[tuple[str, str, str]]] = {}
    for row in report.having(Verdict.NOT_COMPARED):
        if row.detail:
            continue
        if row.reason.startswith(NEITHER):
            neither.setdefault(row.title, set()).add((row.task, row.against, row.system))
        else:
            reasons.setdefault(row.reason, {})[row.title] = None
    for reason, titles in reasons.items():
        yield f"Not compared: {', '.join(titles)}: {reason}"
    # What only some systems lack they never have.
    if everywhere := [title for title, having in neither.items() if having == systems]:
        yield f"{NEITHER.capitalize()}: {', '.join(everywhere)} (why: --format json)"


def _gone(report: Report) -> dict[tuple[str, str, str], list[str]]:
    """Systems by name and title of a metric that they have no value of any more, and why."""
    gone: dict[tuple[str, str, str], list[str]] = {}
    for row in report.having(Verdict.MISSING):
        gone.setdefault((row.metric, row.title, row.reason), []).append(row.system)
    return gone


def _summary(unchanged: Sequence[str]) -> str:
    if len(unchanged) <= MOST_NAMED:
        return f"Unchanged: {', '.join(unchanged)}" if unchanged else ""
    return f"{len(unchanged)} more unchanged (which: --format json)"


def _listed(names: Sequence[str]) -> str:
    """The names, the first of them if they are many."""
    left = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _names(results: Iterable[Measured]) -> str:
    return ", ".join(one.name for one in results)
