"""Pairs of results that are compared, and the samples that they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.contracts.joining import joined
from bench.contracts.last_command import of_earlier_commands
from bench.contracts.protocol import differences
from bench.contracts.results import Result, read_result, read_samples, result_files
from bench.errors import BenchError, NoResults, UnknownName
from bench.gate import devices
from bench.gate.soundness import check_result, check_samples

SHOWN_FIELDS = 20


@dataclass(frozen=True)
class Measured:
    """A result and the file it was read from.

    Attributes:
        repeats: results of other runs of the same cell on the same device; of their values only speed and memory
            count.
        earlier: whether it is from an earlier command than the last one of its run directory.
        parts: the results that this one was joined from, if it was; of one subject, each with other metrics.
    """

    file: Path
    result: Result
    repeats: tuple[Result, ...] = ()
    earlier: bool = False
    parts: tuple[Measured, ...] = ()

    @property
    def name(self) -> str:
        return self.result.system.name

    @property
    def task(self) -> str:
        return self.result.protocol.task

    @cached_property
    def samples(self) -> dict[str, list[Any]]:
        """Per-sample values by column."""
        if self.parts:
            return {name: values for part in reversed(self.parts) for name, values in part.samples.items()}
        return read_samples(self.file, self.result)

    @cached_property
    def where(self) -> dict[str, int]:
        """Row of each sample in ``samples`` by its id."""
        return {name: row for row, name in enumerate(self.samples.get("id", ()))}

    def repeated(self, metric: str) -> tuple[float, ...]:
        """Return the values of a metric in all runs of this cell, the value of this one first."""
        results = (self.result, *self.repeats)
        kept = [result.cost.repeats.get(metric, ()) if result.cost else () for result in results]
        single = [result.metrics[metric].value if metric in result.metrics else None for result in results]
        values = (repeats or (value,) for repeats, value in zip(kept, single, strict=True))
        return tuple(value for run in values for value in run if value is not None)


@dataclass(frozen=True)
class Pair:
    """Two results under the same conditions: the one before, and the one that is compared with it."""

    before: Measured
    after: Measured

    @cached_property
    def shared(self) -> list[str]:
        """Ids of the samples that both measured, in the order of before."""
        return [name for name in self.before.where if name in self.after.where]

    @property
    def lost(self) -> list[str]:
        """Ids of the samples that only before measured."""
        return [name for name in self.before.where if name not in self.after.where]

    @property
    def gained(self) -> list[str]:
        """Ids of the samples that only after measured."""
        return [name for name in self.after.where if name not in self.before.where]

    @property
    def same_set(self) -> bool:
        """Whether set-level metrics rest on the same samples."""
        was, now = (measured.result.dataset for measured in (self.before, self.after))
        if self.before.where or self.after.where:
            return self.before.samples["id"] == self.after.samples["id"]
        if was is None or now is None:
            return False
        return (was.n, was.skipped, was.failed) == (now.n, now.skipped, now.failed)


@dataclass(frozen=True)
class Sides:
    """Names of the two sides of a comparison, by default those of a gate.

    Attributes:
        before, after: the names as they stand within a sentence.
        named: says which is which in a headline; empty where that is plain.
    """

    before: str = "the baseline"
    after: str = "the run"
    named: str = ""

    @property
    def both(self) -> str:
        """Both names, as the places where a system is looked up."""
        return " or ".join(dict.fromkeys((self.before, self.after)))


GATE = Sides()


@dataclass(frozen=True)
class Matched:
    """Pairs that are compared, and results that are not because one side lacks them.

    Attributes:
        pairs: the results that are compared.
        missing: results before without one after; ``new``: results after without one before.
        failed: results after whose cell failed; ``failed_before``: those before.
            A cell that failed in an earlier command, and that the last one did not ask for, is in ``earlier`` only,
            and its system is missing if it is there before.
        earlier: results after that the last command of their run directory did not ask for. They are compared like
            the others, except those under another protocol, which count as not measured.
        elsewhere: tasks of before that after lacks; they are not compared.
        sides: names of before and after.
    """

    pairs: tuple[Pair, ...]
    missing: tuple[Measured, ...] = ()
    new: tuple[Measured, ...] = ()
    failed: tuple[Measured, ...] = ()
    failed_before: tuple[Measured, ...] = ()
    earlier: tuple[Measured, ...] = ()
    elsewhere: tuple[str, ...] = ()
    sides: Sides = GATE


def read(*paths: Path) -> list[Measured]:
    """Read the results of runs, baselines, folders of them, or single files.

    Of several results of one system under the same conditions and with the same metrics the last counts; the others
    repeat it if they come from the same code on the same device, which gives the noise of speed and memory between
    runs. Of several with different metrics the last counts too, together with what others of its subject measured.

    Raises:
        NoResults: a path holds no results.
        BenchError: a result was edited, or contradicts its samples (``bench/gate/soundness.py``).
    """
    results = [measured for path in paths for measured in _read(path)]
    for measured in results:
        check_result(measured.file, measured.result)
    cells: dict[tuple[str, str, str], list[Measured]] = {}
    for measured in sorted(results, key=lambda measured: measured.result.finished):
        cell = measured.name, measured.result.fingerprint, measured.result.protocol.identity
        cells[cell] = [*cells.pop(cell, []), measured]  # in the order in which they were measured last
    alike: dict[tuple[str, str], list[Measured]] = {}
    for (name, conditions, _), (*earlier, last) in cells.items():
        check_samples(last.file, last.result, last.samples)
        counts = replace(last, repeats=_repeats(last, earlier)) if earlier else last
        alike.setdefault((name, conditions), []).append(counts)
    counting = [_joined(same) for same in alike.values()]
    places = {measured.file: place for place, measured in enumerate(results)}
    return sorted(counting, key=lambda measured: places[measured.file])


def _read(path: Path) -> list[Measured]:
    files = result_files(path)
    if not files:
        raise NoResults(path)
    earlier = set() if path.is_file() else of_earlier_commands(files)
    return [Measured(file, read_result(file), earlier=file in earlier) for file in files]


def _joined(results: Sequence[Measured]) -> Measured:
    """The last of some results, together with what others of its subject measured on the same samples."""
    *earlier, last = results
    beside = [
        measured
        for measured in reversed(earlier)
        if last.result.subject == measured.result.subject != ""
        and last.result.status == measured.result.status == "ok"
        and last.samples.get("id") == measured.samples.get("id")
    ]
    if not beside:
        return last
    parts = (last, *beside)
    return replace(last, result=joined([part.result for part in parts]), parts=parts)


def _repeats(last: Measured, earlier: Sequence[Measured]) -> tuple[Result, ...]:
    """Results of other runs of the same cell: the same code, arguments and device, measured at another time."""
    repeats: dict[str, Result] = {}
    for measured in earlier:
        result = measured.result
        again = result.key == last.result.key and result.started != last.result.started
        if again and result.status == last.result.status == "ok" and devices.same(result, last.result):
            repeats[result.started] = result  # a copy of a run is not a second one
    return tuple(repeats.values())


def match(
    before: Sequence[Measured],
    after: Sequence[Measured],
    only: Iterable[str] = (),
    renamed: Iterable[tuple[str, str]] = (),
    sides: Sides = GATE,
) -> Matched:
    """Pair the results of the same system, task and conditions, whatever metrics each measured.

    Args:
        before, after: the results of both sides.
        only: names of the systems to compare; all if there are none.
        renamed: names before and after of systems that are compared although their names differ. If there are any,
            and no ``only``, nothing else is compared.
        sides: names of before and after in messages.

    Raises:
        UnknownName: a name is on neither side.
        BenchError: conditions differ; the message names the fields.
    """
    only, renamed = list(only), list(renamed)
    for old, fresh in renamed:
        _check(old, before, sides.before)
        _check(fresh, after, sides.after)
    for name in only:
        _check(name, [*before, *after], sides.both)
    names = only if only or renamed else dict.fromkeys(measured.name for measured in (*before, *after))
    wanted = [*((name, name) for name in names), *renamed]
    tasks = {measured.task for measured in after}
    pairs: list[Pair] = []
    missing, new, failed, failed_before, earlier = [], [], [], [], []
    for old, fresh in wanted:
        olds, news = ([m for m in side if m.name == name] for side, name in ((before, old), (after, fresh)))
        for task in sorted({m.task for m in (*olds, *news)} & tasks):
            was, now = ([m for m in side if m.task == task] for side in (olds, news))
            failed += [m for m in now if m.result.status == "failed" and not m.earlier]
            earlier += [m for m in now if m.earlier]
            failed_before += [m for m in was if m.result.status == "failed"]
            was, now = ([m for m in side if m.result.status == "ok"] for side in (was, now))
            here = {m.result.fingerprint for m in now} & {m.result.fingerprint for m in was}
            if was and not here:
                if latest := [m for m in now if not m.earlier]:
                    raise BenchError(_mismatch(was[-1], latest[-1], sides))
                now = []
            both = [(o, n) for n in now for o in was if o.result.fingerprint == n.result.fingerprint]
            pairs += [Pair(o, n) for o, n in both]
            if was and not now and all(m.earlier for m in news if m.task == task):
                missing += was
            if now and not any(m.task == task for m in olds):
                new += now
    elsewhere = sorted({m.task for m in before} - tasks)
    return Matched(
        tuple(pairs),
        tuple(missing),
        tuple(new),
        tuple(failed),
        tuple(failed_before),
        tuple(earlier),
        tuple(elsewhere),
        sides,
    )


def _check(name: str, results: Sequence[Measured], where: str) -> None:
    if all(measured.name != name for measured in results):
        raise UnknownName(f"system of {where}", name, {measured.name for measured in results})


def _mismatch(before: Measured, after: Measured, sides: Sides) -> str:
    """Why two results under different conditions are not compared, field by field."""
    old, new = before.result.protocol, after.result.protocol
    lines = [
        f"{after.name}: measured under another protocol, so nothing is compared",
        f"  before [{old.fingerprint}] {before.file}",
        f"  after  [{new.fingerprint}] {after.file}",
    ]
    differing = differences(old, new)
    width = max(map(len, differing), default=0)
    for field, (was, now) in list(differing.items())[:SHOWN_FIELDS]:
        lines.append(f"  {field:<{width}}  {_short(was)} -> {_short(now)}")
    if len(differing) > SHOWN_FIELDS:
        lines.append(f"  and {len(differing) - SHOWN_FIELDS} more fields")
    alternative = ", or make the new one the baseline: bench baseline update" if sides == GATE else ""
    lines.append(f"measure both under one protocol (--protocol, --dataset, --limit, --seed){alternative}")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
