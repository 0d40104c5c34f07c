"""The difference of one metric between two results, with an interval and a test against chance.

There are three methods, of which the first that the results on disk allow is used:

1. *paired samples*: both have the metric's per-sample values; a bootstrap over groups (``bench/gate/bootstrap.py``)
   gives the interval, a t over groups the p-value, and the excess of each group over a tolerance feeds sign flips that
   all comparisons of these groups share (``bench/gate/multiplicity.py`` combines the two).
2. *paired blocks*: both have jackknife replicates over the same blocks of the same samples; the difference is
   jackknifed with the differences of the replicates, by a t with one degree of freedom less than blocks.
3. *not paired*: the standard errors of both are added as if the samples were different. Where they are the same, and
   hard for both, that overstates the error of the difference: it misses changes rather than inventing them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from bench.contracts.stats import MAX_BLOCKS, Estimate, block_jackknife, interval_around
from bench.gate.bootstrap import GroupBootstrap
from bench.gate.pairing import Measured, Pair
from bench.paired.influence import of_blocks
from bench.paired.parts import agree, parts

SAME = 1e-5
"""Values with a smaller relative difference are the same: float32 arithmetic on another number of threads."""

Exceeds = Callable[[float, int], float]


@dataclass(frozen=True)
class Groups:
    """The data that sign flips need of a difference.

    Attributes:
        names: identifies the data and its groups; differences with the same are flipped together.
        excess: by how much sign·difference of each group exceeds the threshold, ``[groups]``, by (threshold, sign).
    """

    names: Hashable
    excess: Callable[[float, int], np.ndarray]


@dataclass(frozen=True)
class Difference:
    """The difference after - before of one metric.

    Attributes:
        value: in the metric's unit, over the samples that both have.
        interval: 95% interval; None if unknown.
        n: number of samples it rests on.
        method: how interval and p-value were obtained.
        note: what a reader must know, such as samples that one side lacks.
        moved: whether anything differs by more than rounding, even a single sample.
        lost: ids of samples that had a value before and have none now, or an infinitely worse one.
        exceeds: p-value of "sign·difference ≤ threshold" by (threshold, sign), from the difference and its error;
            None without an error.
        stderr: that error; None where there is none, or where chance plays no part.
        groups: data for sign flips, where there are groups of samples.
    """

    value: float
    interval: tuple[float, float] | None
    n: int
    method: str
    moved: bool
    note: str = ""
    lost: tuple[str, ...] = ()
    exceeds: Exceeds | None = None
    stderr: float | None = None
    groups: Groups | None = None


def difference(pair: Pair, metric: str) -> Difference:
    """Compute the difference of a quality metric that has a value on both sides."""
    was, now = (measured.result.metrics[metric] for measured in (pair.before, pair.after))
    columns = [_columns(measured, metric) for measured in (pair.before, pair.after)]
    if columns[0] is not None and columns[1] is not None:
        return _by_samples(pair, metric, columns[0], columns[1], was.higher_is_better)
    if was.stderr == 0 and now.stderr == 0:
        return _unpaired(pair, was, now, "exact on both sides")
    if of_blocks(was) is not None and of_blocks(now) is not None:
        if pair.same_set and was.blocks == now.blocks:
            return _by_blocks(was, now)
        return _unpaired(pair, was, now, "not paired: the two rest on different samples")
    if any("jackknife" in estimate.method and estimate.replicates is None for estimate in (was, now)):
        return _unpaired(pair, was, now, "not paired: measured before replicates were kept; measure again")
    if any(metric in measured.samples for measured in (pair.before, pair.after)):
        return _unpaired(pair, was, now, "not paired: not a plain mean of its samples, whose weights are not kept")
    return _unpaired(pair, was, now, "not paired: its parts are not kept")


def _columns(measured: Measured, metric: str) -> np.ndarray | None:
    """A metric's parts ``[n, 2]``; None if the results lack what its value is computed from."""
    kept, value = parts(measured.samples, metric), measured.result.metrics[metric].value
    if kept is None or value is None:
        return None
    counted = kept.values[np.isfinite(kept.values).all(1)]
    return kept.values if len(counted) and agree(counted, value) else None


def _by_samples(
    pair: Pair, metric: str, before: np.ndarray, after: np.ndarray, higher_is_better: bool | None
) -> Difference:
    was = before[[pair.before.where[name] for name in pair.shared]]
    now = after[[pair.after.where[name] for name in pair.shared]]
    had, has = (np.isfinite(values).all(1) for values in (was, now))
    better = np.inf if higher_is_better else -np.inf
    # Infinitely good (a lossless image's PSNR) is a value too, though not one to average.
    gone = (had & ~has & (now[:, 0] != better)) | (~had & (was[:, 0] == better) & (now[:, 0] != better))
    lost = tuple(np.array(pair.shared, object)[gone].tolist()) if higher_is_better is not None else ()
    both = had & has
    notes = [f"{count} sample{'s' * (count > 1)} only {side}" for count, side in _one_sided(pair)]
    if (single := int((had != has).sum())) > 0:
        notes.append(f"{single} sample{'s' * (single > 1)} with a value on one side only")
    note, n = "; ".join(notes), int(both.sum())
    moved = bool(lost) or bool(notes) or not np.allclose(was[both], now[both], rtol=SAME, atol=1e-9)
    if n == 0:
        return Difference(math.nan, None, 0, "no sample has a value on both sides", moved, note, lost)
    groups = np.array(pair.before.samples["group"])[[pair.before.where[name] for name in pair.shared]][both]
    if len(np.unique(groups)) < 2:
        value = now[both, 0].sum() / now[both, 1].sum() - was[both, 0].sum() / was[both, 1].sum()
        return Difference(float(value), None, n, "no interval: a single group of samples", moved, note, lost)
    if not moved:
        value = float(now[both, 0].sum() / now[both, 1].sum() - was[both, 0].sum() / was[both, 1].sum())
        return Difference(value, (value, value), n, "the same for every sample", moved, note, lost, _certain(value))
    bootstrap = GroupBootstrap(was[both], now[both], groups)
    method = f"paired over {bootstrap.groups} groups: interval by bootstrap-t, p by t and joint sign flips"
    data = pair.after.result.protocol.dataset
    flips = Groups((data, np.unique(groups).tobytes()), bootstrap.excess)
    stderr = bootstrap.stderr or None
    return Difference(
        bootstrap.value, bootstrap.interval, n, method, moved, note, lost, bootstrap.exceeds, stderr, flips
    )


def _by_blocks(was: Estimate, now: Estimate) -> Difference:
    assert was.value is not None and now.value is not None and was.replicates and now.replicates and was.blocks
    value = now.value - was.value
    without = np.array(now.replicates) - np.array(was.replicates)
    jackknifed = block_jackknife(value, np.array(was.blocks), without.__getitem__)
    moved = not np.allclose([was.value, *was.replicates], [now.value, *now.replicates], rtol=SAME, atol=1e-12)
    method = f"paired jackknife over {len(without)} blocks"
    assert jackknifed.stderr is not None
    return _student(value, jackknifed.stderr, len(without) - 1, min(was.n, now.n), method, moved)


def _unpaired(pair: Pair, was: Estimate, now: Estimate, method: str) -> Difference:
    assert was.value is not None and now.value is not None
    value, n = now.value - was.value, min(was.n, now.n)
    moved = not math.isclose(was.value, now.value, rel_tol=SAME, abs_tol=1e-12)
    if not moved:
        return Difference(value, None, n, method, moved, exceeds=_certain(value))
    if was.stderr is None or now.stderr is None:
        return Difference(value, None, n, method, moved)
    data = pair.after.result.dataset
    degrees = max(1, min(MAX_BLOCKS, data.groups if data else n) - 1)
    return _student(value, math.hypot(was.stderr, now.stderr), degrees, n, method, moved)


def _student(value: float, stderr: float, degrees: int, n: int, method: str, moved: bool) -> Difference:
    if stderr <= 1e-12 * abs(value):
        return Difference(value, (value, value), n, method, moved, exceeds=_certain(value))

    def exceeds(threshold: float, sign: int) -> float:
        from scipy.stats import t

        return float(t.sf((sign * value - threshold) / stderr, degrees))

    interval = interval_around(value, stderr, degrees)
    return Difference(value, interval, n, method, moved, exceeds=exceeds, stderr=stderr)


def _certain(value: float) -> Exceeds:
    return lambda threshold, sign: 0.0 if sign * value > threshold else 1.0


def _one_sided(pair: Pair) -> list[tuple[int, str]]:
    return [(len(ids), side) for ids, side in ((pair.lost, "before"), (pair.gained, "after")) if ids]
