"""The verdict on every metric of every pair, with the number of comparisons accounted for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bench.gate.differences import Difference, difference
from bench.gate.pairing import Matched, Pair
from bench.gate.tolerances import Tolerance, default
from bench.leaderboard.names import heading, place
from bench.stats import Estimate

LEVEL = 0.05
NEITHER = "no value on either side"


class Verdict(StrEnum):
    """What is said of one comparison."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    HELD = "held"
    UNDECIDED = "undecided"
    """Beyond the tolerance, but whether beyond chance cannot be told."""
    SHOWN = "shown"
    """Neither direction is better, or no verdict was asked for."""
    NOT_COMPARED = "not compared"
    """One side has no value, or the value compares on one device only."""


JUDGED = (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.HELD)


@dataclass(frozen=True)
class Comparison:
    """One metric of one pair.

    Attributes:
        system, against: names after and before.
        unit: of before, after, difference, interval and tolerance.
        p: of "no worse than the tolerance", one-sided; None where nothing was tested.
        adjusted: p by Holm over all comparisons of the report that moved.
        reason: why the verdict, where it needs a word.
    """

    system: str
    against: str
    task: str
    fingerprint: str
    metric: str
    verdict: Verdict
    unit: str = ""
    higher_is_better: bool | None = None
    device_bound: bool = False
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0
    method: str = ""
    note: str = ""
    tolerance: float | None = None
    p: float | None = None
    adjusted: float | None = None
    reason: str = ""
    moved: bool = False

    @property
    def title(self) -> str:
        """The metric as tables call it."""
        return heading(self.metric).title

    @property
    def detail(self) -> bool:
        """Whether it is of one codebook level, which is shown to programs and never judged."""
        return heading(self.metric).detail


@dataclass(frozen=True)
class Report:
    """All comparisons, in reading order, and what could not be compared.

    Attributes:
        level: chance of one false alarm or more over the whole report.
        tested: comparisons that Holm's correction counts.
        verdicts: whether verdicts were asked for.
    """

    comparisons: tuple[Comparison, ...]
    matched: Matched
    level: float
    tested: int
    verdicts: bool = True

    def having(self, *verdicts: Verdict) -> list[Comparison]:
        """The comparisons with one of these verdicts."""
        return [each for each in self.comparisons if each.verdict in verdicts]

    @property
    def regressed(self) -> bool:
        return bool(self.having(Verdict.REGRESSED))

    @property
    def judged(self) -> int:
        """Comparisons of quality with a verdict: whether anything was compared at all."""
        return sum(not each.device_bound for each in self.having(*JUDGED))


def compare(
    matched: Matched,
    tolerances: Callable[[Mapping[str, str]], Mapping[str, Tolerance]] = lambda units: {},
    level: float = LEVEL,
    judge_cost: bool = True,
    verdicts: bool = True,
) -> Report:
    """Compare every metric of every pair.

    A regression is a difference in the bad direction that is beyond the tolerance and beyond chance: the one-sided
    hypothesis "worse by the tolerance at most" is rejected at ``level`` with Holm's correction (Holm 1979) over all
    comparisons of quality. Comparisons in which nothing moved by more than rounding are not counted: whether a
    computation gives the same numbers again is no matter of chance, so they cannot raise a false alarm.

    Speed and memory are judged apart, by their tolerance and their own error, on the same device and batch size.

    Args:
        tolerances: the user's, given the unit of each metric that can be judged.
        judge_cost: whether speed and memory can regress.
        verdicts: whether to judge; else everything is only shown.
    """
    units = {
        name: estimate.unit
        for pair in matched.pairs
        for side in (pair.before, pair.after)
        for name, estimate in side.result.metrics.items()
        if estimate.higher_is_better is not None
    }
    chosen = tolerances(units)
    found = [each for pair in matched.pairs for each in _of_pair(pair, chosen, judge_cost, verdicts)]
    found += [each for pair in matched.pairs for each in _lost_samples(pair, verdicts)]
    rows, tested = [row for row, _ in found], 0
    for cost in (False, True):
        family = {i: p for i, (row, p) in enumerate(found) if p is not None and row.device_bound == cost}
        worse, better = (holm([getattr(p, side) for p in family.values()]) for side in ("worse", "better"))
        for i, bad, good in zip(family, worse, better, strict=True):
            rows[i] = _decide(rows[i], bad, good, level)
        tested += 0 if cost else len(family)
    return Report(tuple(rows), matched, level, tested, verdicts)


@dataclass(frozen=True)
class _Tested:
    """One-sided p-values: of "not worse than the tolerance" and of "not better than it"."""

    worse: float
    better: float


def _of_pair(
    pair: Pair, chosen: Mapping[str, Tolerance], judge_cost: bool, verdicts: bool
) -> Iterable[tuple[Comparison, _Tested | None]]:
    before, after = pair.before.result, pair.after.result
    for metric in sorted(before.metrics.keys() | after.metrics.keys(), key=place):
        one, other = before.metrics.get(metric), after.metrics.get(metric)
        row = _start(pair, metric, one, other)
        if reason := _why_not(pair, one, other):
            yield replace(row, verdict=Verdict.NOT_COMPARED, reason=reason), None
            continue
        found = difference(pair, metric)
        row = replace(
            row,
            difference=None if math.isnan(found.value) else found.value,
            interval=found.interval,
            n=found.n,
            method=found.method,
            note=found.note,
            moved=found.moved,
        )
        if not verdicts or row.higher_is_better is None or row.detail or (row.device_bound and not judge_cost):
            yield row, None
            continue
        yield _judge(row, found, (chosen.get(metric) or default(metric, row.unit)).of(row.before or 0.0))


def _start(pair: Pair, metric: str, one: Estimate | None, other: Estimate | None) -> Comparison:
    facts = next((each for each in (other, one) if each and each.value is not None), other or one)
    assert facts is not None
    return Comparison(
        system=pair.after.name,
        against=pair.before.name,
        task=pair.after.task,
        fingerprint=pair.after.result.fingerprint,
        metric=metric,
        verdict=Verdict.SHOWN,
        unit=facts.unit,
        higher_is_better=facts.higher_is_better,
        device_bound=any(each.device_bound for each in (one, other) if each),
        before=one.value if one else None,
        after=other.value if other else None,
    )


def _why_not(pair: Pair, one: Estimate | None, other: Estimate | None) -> str:
    """Why a metric is not compared; empty if it is."""
    lacking = [(side, each) for side, each in (("before", one), ("after", other)) if each is None or each.value is None]
    if lacking:
        reasons = {side: (each.unavailable if each else "") or "not measured" for side, each in lacking}
        if len(reasons) == 2:
            return f"{NEITHER}: {reasons['after']}"
        return "; ".join(f"no value {side}: {reason}" for side, reason in reasons.items())
    assert one is not None and other is not None
    if one.device_bound or other.device_bound:
        costs = [side.result.cost for side in (pair.before, pair.after)]
        places = [f"{cost.device}, batch size {cost.batch_size}" if cost else "an unknown device" for cost in costs]
        if places[0] != places[1] or None in costs:
            return f"measured on another device: {places[0]} before, {places[1]} after"
    return ""


def _judge(row: Comparison, found: Difference, tolerance: float) -> tuple[Comparison, _Tested | None]:
    row = replace(row, tolerance=tolerance)
    sign = -1 if row.higher_is_better else 1
    if found.lost:
        count = len(found.lost)
        reason = f"no value any more on {count} sample{'s' * (count > 1)}: {', '.join(found.lost[:3])}"
        return replace(row, verdict=Verdict.REGRESSED, p=0.0, adjusted=0.0, reason=reason), None
    if found.exceeds is None:
        if row.device_bound and row.difference is not None:
            # A peak has no error of its own: the tolerance is all there is.
            beyond = sign * row.difference > tolerance
            return row, _Tested(0.0 if beyond else 1.0, 0.0 if -sign * row.difference > tolerance else 1.0)
        if row.difference is not None and sign * row.difference <= tolerance:
            return replace(row, verdict=Verdict.HELD, reason="within the tolerance"), None
        return replace(row, verdict=Verdict.UNDECIDED, reason=f"beyond the tolerance; {found.method}"), None
    tested = _Tested(found.exceeds(tolerance, sign), found.exceeds(tolerance, -sign))
    if not found.moved:
        return replace(row, verdict=Verdict.HELD, p=1.0, adjusted=1.0, reason="unchanged"), None
    return replace(row, p=tested.worse), tested


def _decide(row: Comparison, worse: float, better: float, level: float) -> Comparison:
    assert row.difference is not None and row.tolerance is not None
    worsening, tolerance = -row.difference if row.higher_is_better else row.difference, row.tolerance
    row = replace(row, adjusted=worse)
    if worse <= level:
        return replace(row, verdict=Verdict.REGRESSED)
    if better <= level:
        return replace(row, verdict=Verdict.IMPROVED)
    reason = "within the tolerance" if worsening <= tolerance else "within chance"
    return replace(row, verdict=Verdict.HELD, reason="" if worsening <= 0 else reason)


def _lost_samples(pair: Pair, verdicts: bool) -> list[tuple[Comparison, _Tested | None]]:
    """A row on samples that the system raised an error on, where it did not before."""
    before, after = (side.result.dataset for side in (pair.before, pair.after))
    if before is None or after is None or before.failed.keys() >= after.failed.keys():
        return []
    name = next(sample for sample in after.failed if sample not in before.failed)
    row = Comparison(
        system=pair.after.name,
        against=pair.before.name,
        task=pair.after.task,
        fingerprint=pair.after.result.fingerprint,
        metric="failed samples",
        verdict=Verdict.REGRESSED if verdicts else Verdict.SHOWN,
        higher_is_better=False,
        before=len(before.failed),
        after=len(after.failed),
        difference=len(after.failed) - len(before.failed),
        n=after.n,
        tolerance=0.0,
        reason=f"{name}: {after.failed[name]}",
        moved=True,
    )
    return [(row, None)]


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number by Holm's step-down method, in their order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[i]))
        adjusted[i] = highest
    return adjusted
