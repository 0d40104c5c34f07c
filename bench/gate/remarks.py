"""Remarks of a report beside its tables: how verdicts came about, and what has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.contracts.results import Result
from bench.gate.comparison import NEITHER, Comparison, Verdict
from bench.gate.pairing import Measured
from bench.gate.power import POWER
from bench.gate.verdicts import Report

MOST_NAMED = 6
"""Names that a sentence lists at most."""


def remarks(report: Report) -> Iterable[str]:
    """Yield one sentence each on what was not compared and why, and on how the verdicts came about."""
    matched = report.matched
    if report.tested:
        yield (
            f"Regressed: worse by more than the tolerance, and beyond chance at {report.level:g} over the "
            f"{report.tested} comparisons of quality in which anything moved (p adjusted for all: Holm of the means, "
            "Westfall-Young of joint sign flips of whole groups)."
        )
        if any(row.verdict == Verdict.WORSE and _excludes_zero(row) for row in report.comparisons):
            yield "An interval is for its row alone: it may exclude 0 although p, adjusted for all rows, is not small."
    if any(row.needed for row in report.comparisons):
        yield (
            "Groups needed: with this many photographs or speakers, a t-test at this row's share of the level would "
            f"detect a difference of this size {POWER:.0%} of the time (--strict fails on such rows as they are)."
        )
    if report.verdicts:
        if any(row.device_bound and row.tolerance is not None for row in report.comparisons):
            yield "Speed and memory are judged separately, against the noise between repeated runs on one device."
        for reason, rows in unjudged_costs(report).items():
            yield f"Speed and memory, not judged: {', '.join(_ranges(rows))} ({reason})"
    sides = matched.sides
    for failed, side in ((matched.failed, sides.after), (matched.failed_before, sides.before)):
        for measured in failed:
            error = measured.result.errors[0] if measured.result.errors else None
            reason = f"{error.type}: {error.told}" if error else "no reason recorded"
            yield f"Failed in {side}: {measured.name}: {reason}"
    if line := earlier_line([measured.result for measured in matched.earlier]):
        yield f"In {sides.after}, {line}."
    if matched.missing:
        yield f"Missing from {sides.after}: {_names(matched.missing)}. Measure them, or leave them out: --without NAME"
    for (metric, title, reason), rows in without_value(report).items():
        reasons = "; ".join([reason, *dict.fromkeys(row.remedy for row in rows if row.remedy)])
        names = listed([row.system for row in rows])
        yield f"Missing: {title} of {names}: {reasons}. Measure it, or leave it out: --tolerance {metric}=inf"
    if matched.new:
        yield f"Not in {sides.before}: {_names(matched.new)}."
    if matched.elsewhere:
        yield f"Tasks that {sides.after} does not have: {', '.join(matched.elsewhere)}."
    yield from _not_compared(report)


def earlier_line(results: Sequence[Result]) -> str:
    """Return a line on results from earlier commands of their run directory; empty if there are none."""
    if not results:
        return ""
    names = [f"{result.system.name}{' (failed)' * (result.status == 'failed')}" for result in results]
    are = "results are from earlier commands" if len(results) > 1 else "result is from an earlier command"
    return (
        f"{len(results)} {are}: {listed(names)}; leave them out with --without NAME, or delete them: "
        "bench remove RUN --system NAME"
    )


def unjudged_costs(report: Report) -> dict[str, list[Comparison]]:
    """Return the comparisons of speed and memory without a verdict, by the reason."""
    unjudged: dict[str, list[Comparison]] = {}
    for row in report.having(Verdict.SHOWN):
        if row.device_bound and row.reason:
            unjudged.setdefault(row.reason, []).append(row)
    return unjudged


def _ranges(rows: Sequence[Comparison]) -> Iterable[str]:
    """The relative change of each metric, from the smallest to the largest over the systems."""
    changes: dict[str, list[float]] = {}
    for row in rows:
        if row.before and row.difference is not None:
            changes.setdefault(row.title, []).append(row.difference / abs(row.before))
    for title, values in changes.items():
        ends = dict.fromkeys(f"{end:+.0%}" for end in (min(values), max(values)))
        yield f"{title} {' … '.join(ends)}"


def _not_compared(report: Report) -> Iterable[str]:
    """Sentences on what was not compared: one per reason with its metrics, one for metrics that no system has."""
    reasons: dict[str, dict[str, None]] = {}
    remedies: dict[str, dict[str, None]] = {}
    systems = {(row.task, row.against, row.system) for row in report.comparisons}
    neither: dict[str, set[tuple[str, str, str]]] = {}
    for row in report.having(Verdict.NOT_COMPARED):
        if row.detail:
            continue
        if row.reason.startswith(NEITHER):
            neither.setdefault(row.title, set()).add((row.task, row.against, row.system))
        else:
            reasons.setdefault(row.reason, {})[row.title] = None
            remedies.setdefault(row.reason, {}).update(dict.fromkeys([row.remedy] * bool(row.remedy)))
    for reason, titles in reasons.items():
        yield f"Not compared: {', '.join(titles)}: {'; '.join([reason, *remedies[reason]])}"
    # A metric that only some systems lack does not apply to them.
    if everywhere := [title for title, having in neither.items() if having == systems]:
        yield f"{NEITHER.capitalize()}: {', '.join(everywhere)} (why: --format json)"


def without_value(report: Report) -> dict[tuple[str, str, str], list[Comparison]]:
    """Return the comparisons that lost their value or one that compares, by metric, its title and the reason."""
    gone: dict[tuple[str, str, str], list[Comparison]] = {}
    for row in report.having(Verdict.MISSING):
        gone.setdefault((row.metric, row.title, row.reason), []).append(row)
    return gone


def listed(names: Sequence[str]) -> str:
    """Join names with commas; only the first ones if there are many."""
    left = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _names(results: Iterable[Measured]) -> str:
    return ", ".join(measured.name for measured in results)


def _excludes_zero(row: Comparison) -> bool:
    return row.interval is not None and (row.interval[0] > 0 or row.interval[1] < 0)
