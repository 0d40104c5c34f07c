"""Verdicts on every metric of every pair, adjusted for the number of comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench.contracts.protocol import metric_differences
from bench.contracts.results import Result
from bench.contracts.stats import Estimate
from bench.gate.comparison import JUDGED, NEITHER, WITHIN_TOLERANCE, Comparison, Verdict
from bench.gate.costs import cost_difference, unjudged
from bench.gate.devices import apart
from bench.gate.differences import Difference, difference
from bench.gate.multiplicity import Adjusted, Evidence, adjust
from bench.gate.pairing import Matched, Measured, Pair
from bench.gate.pairwise import paired_verdict
from bench.gate.power import groups_needed
from bench.gate.tolerances import default
from bench.leaderboard.names import heading, place
from bench.leaderboard.reasons import shortened
from bench.values import Tolerance

LEVEL = 0.05

Tolerances = Callable[[Mapping[str, str], Collection[str]], Mapping[str, Tolerance]]
"""The user's tolerances by metric, given the unit of each metric that has a direction, and which can be judged."""


@dataclass(frozen=True)
class Report:
    """All comparisons, in reading order, and what could not be compared.

    Attributes:
        level: chance of one false alarm or more over the whole report.
        comparisons: every metric of every pair.
        matched: the pairs, and results without a counterpart.
        level: chance of one false alarm or more over the whole report.
        tested: number of quality comparisons that share the level: those in which anything moved.
        verdicts: whether verdicts were asked for.
        judge_cost: whether verdicts on speed and memory were asked for.
        strict: whether a loss beyond the tolerance fails even if it may be chance.
    """

    comparisons: tuple[Comparison, ...]
    matched: Matched
    level: float
    tested: int
    verdicts: bool = True
    judge_cost: bool = False
    strict: bool = False

    def having(self, *verdicts: Verdict) -> list[Comparison]:
        """Return the comparisons with one of these verdicts."""
        return [row for row in self.comparisons if row.verdict in verdicts]

    @property
    def regressed(self) -> bool:
        """Whether any metric regressed."""
        return bool(self.having(Verdict.REGRESSED))

    @property
    def worse(self) -> list[Comparison]:
        """Losses beyond the tolerance that are not beyond chance, or have no error to decide it."""
        return self.having(Verdict.WORSE, Verdict.UNDECIDED)

    @property
    def fails(self) -> bool:
        """Whether something got worse in a way that fails the command."""
        return self.regressed or (self.strict and bool(self.worse))

    @property
    def incomplete(self) -> bool:
        """Whether a system or a quality metric that was there before is missing."""
        return bool(self.matched.missing or self.having(Verdict.MISSING))

    @property
    def judged(self) -> int:
        """Number of quality comparisons with a verdict; 0 if nothing was compared."""
        return sum(not row.device_bound for row in self.having(*JUDGED))


def compare(
    matched: Matched,
    tolerances: Tolerances = lambda units, judged: {},
    level: float = LEVEL,
    judge_cost: bool = False,
    verdicts: bool = True,
    strict: bool = False,
) -> Report:
    """Compare every metric of every pair.

    A regression is a difference in the bad direction that is beyond the tolerance and beyond chance: the one-sided
    hypothesis "worse by the tolerance at most" is rejected at ``level`` over all comparisons of quality together, by
    the mean or by joint sign flips (``bench/gate/multiplicity.py``). Comparisons in which nothing moved by more than
    rounding are not counted: chance plays no part in whether a computation repeats its numbers, so they cannot raise a
    false alarm.

    A loss beyond the tolerance that is not beyond chance is ``WORSE``, with the number of groups that would decide it.

    Speed and memory are judged separately and only if asked: by their tolerance and the noise between repeated runs, on
    the same device with the same batch size and threads (``bench/gate/costs.py``, ``devices.py``).

    Args:
        matched: the pairs to compare.
        tolerances: the user's tolerances; defaults hold for other metrics.
        level: chance of one false alarm or more over the whole report.
        judge_cost: whether speed and memory can regress.
        verdicts: whether to judge; otherwise everything is only shown.
        strict: whether to fail on what is ``WORSE`` or ``UNDECIDED``.
    """
    units = {
        name: estimate.unit
        for pair in matched.pairs
        for measured in (pair.before, pair.after)
        for name, estimate in measured.result.metrics.items()
        if estimate.higher_is_better is not None
    }
    judged = {name for pair in matched.pairs for name in units if _can_be_judged(pair, name, judge_cost)}
    chosen = tolerances(units, judged)
    pairs = [row for pair in matched.pairs for row in _of_pair(pair, chosen, judge_cost, verdicts)]
    pairs += [row for pair in matched.pairs for row in _lost_samples(pair, verdicts)]
    rows, tested = [row for row, _ in pairs], 0
    for cost in (False, True):
        family = {i: test for i, (row, test) in enumerate(pairs) if test is not None and row.device_bound == cost}
        worse = adjust([test.worse for test in family.values()])
        better = adjust([test.better for test in family.values()])
        for (i, test), bad, good in zip(family.items(), worse, better, strict=True):
            rows[i] = _decide(rows[i], test, bad, good, level, len(family))
        tested += 0 if cost else len(family)
    return Report(tuple(rows), matched, level, tested, verdicts, judge_cost, strict)


@dataclass(frozen=True)
class _Tested:
    """The evidence against "not worse than the tolerance", and against "not better than it"."""

    worse: Evidence
    better: Evidence
    stderr: float | None = None


def _of_pair(
    pair: Pair, chosen: Mapping[str, Tolerance], judge_cost: bool, verdicts: bool
) -> Iterable[tuple[Comparison, _Tested | None]]:
    before, after = pair.before.result, pair.after.result
    for metric in sorted(before.metrics.keys() | after.metrics.keys(), key=place):
        row = _start(pair, metric, before.metrics.get(metric), after.metrics.get(metric))
        if lack := _why_not(pair, metric):
            gone = verdicts and row.before is not None and lack.after and _is_quality(row, chosen)
            verdict = Verdict.MISSING if gone else Verdict.NOT_COMPARED
            yield replace(row, verdict=verdict, reason=lack.reason, remedy=lack.remedy), None
            continue
        change = cost_difference(pair, metric) if row.device_bound else difference(pair, metric)
        row = replace(
            row,
            groups=None if row.device_bound else _groups(pair),
            difference=None if math.isnan(change.value) else change.value,
            interval=change.interval,
            n=change.n,
            method=change.method,
            note=change.note,
            moved=change.moved,
        )
        if not verdicts and change.moved and not (row.device_bound or row.detail):
            row = replace(row, reason=paired_verdict(pair, metric))
        if not verdicts or row.higher_is_better is None or row.detail:
            yield row, None
            continue
        if row.device_bound and (reason := unjudged(pair, change, judge_cost)):
            yield replace(row, reason=reason), None
            continue
        yield _judge(row, change, (chosen.get(metric) or default(metric, row.unit)).of(row.before or 0.0))


def _is_quality(row: Comparison, chosen: Mapping[str, Tolerance]) -> bool:
    """Whether a metric is judged: it has a direction, and the user did not exclude it (``METRIC=inf``)."""
    never = row.metric in chosen and math.isinf(chosen[row.metric].of(1.0))
    return row.higher_is_better is not None and not (row.device_bound or row.detail or never)


def _can_be_judged(pair: Pair, metric: str, judge_cost: bool) -> bool:
    estimates = [measured.result.metrics.get(metric) for measured in (pair.before, pair.after)]
    if _why_not(pair, metric) or heading(metric).detail:
        return False
    return judge_cost or not any(estimate.device_bound for estimate in estimates if estimate)


def _start(pair: Pair, metric: str, was: Estimate | None, now: Estimate | None) -> Comparison:
    given = [estimate for estimate in (now, was) if estimate]
    facts = next((estimate for estimate in given if estimate.value is not None), given[0])
    return Comparison(
        system=pair.after.name,
        against=pair.before.name,
        task=pair.after.task,
        fingerprint=pair.after.result.fingerprint,
        metric=metric,
        metric_fingerprint=(pair.after if now else pair.before).result.fingerprint_of(metric),
        verdict=Verdict.SHOWN,
        unit=facts.unit,
        higher_is_better=facts.higher_is_better,
        device_bound=any(estimate.device_bound for estimate in given),
        before=_value(pair.before, metric, was),
        after=_value(pair.after, metric, now),
    )


def _value(measured: Measured, metric: str, estimate: Estimate | None) -> float | None:
    """The value of one side; for speed and memory the mean over its runs."""
    if estimate is None or estimate.value is None or not estimate.device_bound:
        return estimate.value if estimate else None
    return float(np.mean(measured.repeated(metric)))


@dataclass(frozen=True)
class _Lack:
    """The reason why a value is not compared, its remedy, and whether after lacks a value comparable with before."""

    reason: str
    remedy: str = ""
    after: bool = False


def _why_not(pair: Pair, metric: str) -> _Lack | None:
    """Why a value is not compared; None if it is."""
    before, after = pair.before.result, pair.after.result
    was, now = before.metrics.get(metric), after.metrics.get(metric)
    lacking = {side: given for side, given in (("before", was), ("after", now)) if given is None or given.value is None}
    if lacking:
        reasons = {side: (given.unavailable if given else "") or "not measured" for side, given in lacking.items()}
        remedy = next((given.remedy for given in reversed(lacking.values()) if given and given.remedy), "")
        if len(reasons) == 2:
            return _Lack(f"{NEITHER}: {reasons['after']}", remedy, after=True)
        text = "; ".join(f"no value {side}: {reason}" for side, reason in reasons.items())
        return _Lack(text, remedy, after="after" in reasons)
    assert was is not None and now is not None
    if before.fingerprint_of(metric) != after.fingerprint_of(metric):
        return _Lack(_measured_differently(before, after, was.metric, now.metric), after=True)
    reason = apart(before, after) if was.device_bound or now.device_bound else ""
    return _Lack(reason) if reason else None


def _measured_differently(before: Result, after: Result, was: str, now: str) -> str:
    """How two results differ in measuring a value."""
    if was != now or not was:
        return f"given by {was or 'the task'} before, by {now or 'the task'} after"
    fields = metric_differences(before.protocol.metrics[was], after.protocol.metrics[now])
    texts = [
        f"{field} {shortened(str(old))} before, {shortened(str(new))} after" for field, (old, new) in fields.items()
    ]
    return f"measured differently: {'; '.join(texts)}"


def _groups(pair: Pair) -> int | None:
    """Independent groups of samples that both sides have; None if unknown."""
    counts = [measured.result.dataset.groups for measured in (pair.before, pair.after) if measured.result.dataset]
    return min(counts) if len(counts) == 2 else None


def _judge(row: Comparison, change: Difference, tolerance: float) -> tuple[Comparison, _Tested | None]:
    row = replace(row, tolerance=tolerance)
    sign = -1 if row.higher_is_better else 1
    if change.lost:
        count = len(change.lost)
        reason = f"no value any more on {count} sample{'s' * (count > 1)}: {', '.join(change.lost[:3])}"
        return replace(row, verdict=Verdict.REGRESSED, reason=reason), None
    if change.exceeds is None:
        if row.difference is not None and sign * row.difference <= tolerance:
            return replace(row, verdict=Verdict.HELD, reason=WITHIN_TOLERANCE), None
        return replace(row, verdict=Verdict.UNDECIDED, reason=f"beyond the tolerance; {change.method}"), None
    if not change.moved:
        return replace(row, verdict=Verdict.HELD, p=1.0, adjusted=1.0, reason="unchanged"), None
    if math.isinf(tolerance):  # never judged, so it takes no share of the level
        return replace(row, verdict=Verdict.HELD, reason=WITHIN_TOLERANCE), None
    worse, better = (_evidence(change, tolerance, direction) for direction in (sign, -sign))
    return replace(row, p=adjust([worse])[0].p), _Tested(worse, better, change.stderr)


def _evidence(change: Difference, tolerance: float, sign: int) -> Evidence:
    assert change.exceeds is not None
    mean = change.exceeds(tolerance, sign)
    if change.groups is None:
        return Evidence(mean)
    excess = change.groups.excess(tolerance, sign)
    size = tolerance or float(np.sqrt(np.mean(excess**2))) or 1.0
    return Evidence(mean, excess / size, change.groups.names)


def _decide(
    row: Comparison, tested: _Tested, worse: Adjusted, better: Adjusted, level: float, comparisons: int
) -> Comparison:
    assert row.difference is not None and row.tolerance is not None
    tolerance, worsening = row.tolerance, -row.difference if row.higher_is_better else row.difference
    row = replace(row, adjusted=worse.p)
    if worse.p <= level:
        return replace(row, verdict=Verdict.REGRESSED, reason=_why(row, tested, worse.by_flips, better=False))
    if better.p <= level:
        return replace(row, verdict=Verdict.IMPROVED, reason=_why(row, tested, better.by_flips, better=True))
    if worsening <= tolerance:
        return replace(row, verdict=Verdict.HELD, reason=WITHIN_TOLERANCE if worsening > 0 else "")
    needed = None
    if tested.stderr and row.groups:
        needed = groups_needed(
            worsening - tolerance, tested.stderr, row.groups, level * tested.worse.share / comparisons
        )
    return replace(row, verdict=Verdict.WORSE, needed=needed)


def _why(row: Comparison, tested: _Tested, by_flips: bool, better: bool) -> str:
    """Why a difference is beyond chance, where the interval does not show it; empty where it does."""
    assert row.difference is not None and row.tolerance is not None
    sign = 1 if better == bool(row.higher_is_better) else -1
    if row.interval is not None and min(sign * end for end in row.interval) > row.tolerance:
        return ""
    if by_flips:
        excess = (tested.better if better else tested.worse).excess
        assert excess is not None
        return f"{'better' if better else 'worse'} in {(excess > 0).sum()} of {len(excess)} groups (sign flips)"
    if tested.stderr is None:
        return ""
    errors = (sign * row.difference - row.tolerance) / tested.stderr
    return f"{errors:.1f} standard errors beyond the tolerance (t, one-sided)"


def _lost_samples(pair: Pair, verdicts: bool) -> list[tuple[Comparison, _Tested | None]]:
    """A row on samples on which the system now raises an error and did not before."""
    before, after = (measured.result.dataset for measured in (pair.before, pair.after))
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
