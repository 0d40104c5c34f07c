"""Contests of single metrics, made from results and their per-sample values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.contracts.results import Result
from bench.contracts.stats import MAX_BLOCKS, Estimate
from bench.paired.contest import Contest
from bench.paired.decision import quantile
from bench.paired.influence import of_blocks, of_ratios
from bench.paired.samples import Columns
from bench.paired.shared import Measurements, Shared, measurements

UNPAIRED = "not paired with the other rows: it has neither per-sample values nor replicates"
BY_ERRORS = "compared by the rows' own errors, as if measured on different samples: no per-sample values, no replicates"
_TRAININGS = re.compile(r"(\d+) trainings")


@dataclass
class _Entry:
    """The data of one compared row in a contest; see ``Contest``."""

    value: float
    count: int
    pulls: np.ndarray | None = None
    alone: float = 0.0
    alone_degrees: int = 1


def contest(metric: str, results: Mapping[str, Result], samples: Mapping[str, Columns]) -> Contest | None:
    """Compare the results that have a value of a metric.

    Args:
        metric: name of the value.
        results: results under one protocol, by any key.
        samples: per-sample values of each result, by the same keys.

    Returns:
        The contest; None if fewer than two results have a value, or if neither direction is better.
    """
    estimates = {
        key: estimate
        for key in sorted(results)  # not the order in which they came, down to the last bit
        if (estimate := results[key].metrics.get(metric)) is not None and estimate.value is not None
    }
    directions = {estimate.higher_is_better for estimate in estimates.values()} - {None}
    if len(estimates) < 2 or len(directions) != 1:
        return None
    (higher_is_better,) = directions
    assert higher_is_better is not None
    with np.errstate(all="ignore"):  # values that overflow decide nothing
        return _contest_of(metric, estimates, results, samples, higher_is_better)


def _contest_of(
    metric: str,
    estimates: Mapping[str, Estimate],
    results: Mapping[str, Result],
    samples: Mapping[str, Columns],
    higher_is_better: bool,
) -> Contest:
    if any(estimate.device_bound for estimate in estimates.values()):
        entries = {key: _alone(results[key], estimate) for key, estimate in estimates.items()}
        return _contest(entries, estimates, higher_is_better)
    rows = {
        key: measured
        for key, estimate in estimates.items()
        if (measured := measurements(samples.get(key, {}), metric, estimate)) is not None
    }
    if len(rows) > 1:
        return _by_samples(estimates, results, rows, higher_is_better)
    return _by_blocks(estimates, results, higher_is_better)


def _by_samples(
    estimates: Mapping[str, Estimate],
    results: Mapping[str, Result],
    rows: Mapping[str, Measurements],
    higher_is_better: bool,
) -> Contest:
    shared = Shared(rows, higher_is_better)
    total, common = len(shared.ids), int(shared.common.sum())
    compared = [key for key, chosen in zip(shared.keys, shared.compared, strict=True) if chosen]
    counts = dict(zip(shared.keys, shared.counts.tolist(), strict=True))
    left_out = {
        key: f"not compared: it has a value on {counts[key]} of {total} samples"
        for key in shared.keys
        if key not in compared
    }
    entries = {}
    sums = shared.sums() if common else np.full((len(compared), 1, 2), np.nan)
    for key, value, pulls in zip(compared, *of_ratios(sums), strict=True):
        entry = _Entry(float(value) if common else estimates[key].value or 0.0, counts[key], pulls)
        trainings = _trainings(estimates[key])
        if not np.isfinite(pulls).all():  # a single group
            entry.pulls, entry.alone = None, np.nan
        elif trainings:
            # The part of the error that is not due to samples: another training would have given another value.
            beside = (estimates[key].stderr or 0) ** 2 - float(pulls @ pulls)
            entry.alone, entry.alone_degrees = np.sqrt(max(0.0, beside)), max(1, trainings - 1)
        entries[key] = entry
    notes = {}
    whole = {_rest(results[key], estimates[key]) for key in compared} if common == total else set()
    for key in estimates.keys() - rows.keys():
        if whole == {_rest(results[key], estimates[key])}:
            entries[key] = _alone(results[key], estimates[key])
            notes[key] = UNPAIRED
        else:
            left_out[key] = "not compared: it has no per-sample values, and its samples may differ"
            counts[key] = estimates[key].n
    note = f"best, order and ranks rest on the {common} of {total} samples that the compared rows share"
    scores = shared.scores()
    if scores is not None:
        scores = np.concatenate([scores, np.full((len(entries) - len(scores), total), np.nan)])
    left_out = _sorted(left_out, counts, estimates, higher_is_better)
    return _contest(entries, estimates, higher_is_better, scores, left_out, note if common < total else "", notes)


def _by_blocks(estimates: Mapping[str, Estimate], results: Mapping[str, Result], higher_is_better: bool) -> Contest:
    rests = {key: _rest(results[key], estimate) for key, estimate in estimates.items()}
    (rest, _), *_ = sorted(Counter(rests.values()).items(), key=lambda item: (-item[1], item[0]))
    same = [key for key in estimates if rests[key] == rest]
    counts = {key: estimates[key].n for key in estimates}
    left_out = {key: "not compared: it rests on different samples" for key in estimates if key not in same}
    pulls_of = {key: pulls for key in same if (pulls := of_blocks(estimates[key])) is not None}
    counted = Counter(estimates[key].blocks or () for key in pulls_of)
    blocks = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    entries, notes = {}, {}
    for key in same:
        estimate = estimates[key]
        assert estimate.value is not None
        if key in pulls_of and estimate.blocks == blocks[0][0]:
            entries[key] = _Entry(estimate.value, counts[key], pulls_of[key])
        else:
            entries[key] = _alone(results[key], estimate)
            if blocks:
                notes[key] = UNPAIRED
    left_out = _sorted(left_out, counts, estimates, higher_is_better)
    note = "" if blocks or not any(estimates[key].stderr for key in same) else BY_ERRORS
    return _contest(entries, estimates, higher_is_better, None, left_out, note, notes)


def _contest(
    entries: Mapping[str, _Entry],
    estimates: Mapping[str, Estimate],
    higher_is_better: bool,
    scores: np.ndarray | None = None,
    left_out: Mapping[str, str] | None = None,
    note: str = "",
    notes: Mapping[str, str] | None = None,
) -> Contest:
    rows = list(entries.values())
    units = max((len(row.pulls) for row in rows if row.pulls is not None), default=0)
    pulls = np.zeros((len(rows), units))
    for i, row in enumerate(rows):
        if row.pulls is not None:
            pulls[i] = row.pulls
    return Contest(
        keys=tuple(entries),
        higher_is_better=higher_is_better,
        values=np.array([row.value for row in rows]),
        counts=np.array([row.count for row in rows]),
        own=np.array([estimates[key].value for key in entries]),
        pulls=pulls,
        paired=np.array([row.pulls is not None for row in rows]),
        degrees=units - 1,
        alone=np.array([row.alone for row in rows]),
        alone_degrees=np.array([row.alone_degrees for row in rows]),
        scores=scores,
        left_out=left_out or {},
        note=note,
        notes=notes or {},
    )


def _alone(result: Result, estimate: Estimate) -> _Entry:
    """A row that is not paired with any other; its error is the standard error, or follows from its interval."""
    assert estimate.value is not None
    # What a sweep times are calls, however many samples they repeat.
    independent = result.dataset.groups if result.dataset and not result.sweep else estimate.n
    degrees = max(1, (_trainings(estimate) or min(MAX_BLOCKS, independent)) - 1)
    error = np.nan if estimate.stderr is None else estimate.stderr
    if estimate.stderr is None and estimate.interval is not None:
        error = max(abs(end - estimate.value) for end in estimate.interval) / quantile(degrees)
    return _Entry(estimate.value, estimate.n, None, error, degrees)


def _trainings(estimate: Estimate) -> int:
    """The number of trainings that an estimate is the mean of; 0 if it does not say."""
    match = _TRAININGS.search(estimate.method)
    return int(match[1]) if match else 0


def _rest(result: Result, estimate: Estimate) -> tuple[tuple[str, ...], int]:
    """What identifies the samples of a value without per-sample values: the missing ones, and how many more failed."""
    data = result.dataset
    return tuple(sorted({**data.skipped, **data.failed})) if data else (), estimate.failures


def _sorted(
    left_out: Mapping[str, str],
    counts: Mapping[str, int],
    estimates: Mapping[str, Estimate],
    higher_is_better: bool,
) -> dict[str, str]:
    """Rows that are not compared, those with a value on most samples first, then by their values."""
    sign = -1 if higher_is_better else 1
    order: Sequence[str] = sorted(left_out, key=lambda key: (-counts[key], sign * (estimates[key].value or 0.0), key))
    return {key: left_out[key] for key in order}
