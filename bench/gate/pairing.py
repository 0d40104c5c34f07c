"""Which result is held against which, and which samples they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import BenchError, NoResults, UnknownName
from bench.gate.soundness import check_result, check_samples
from bench.protocol import differences
from bench.results import Result, read_result, read_samples, result_files

SHOWN_FIELDS = 20


@dataclass(frozen=True)
class Measured:
    """A result and the file it came from."""

    file: Path
    result: Result

    @property
    def name(self) -> str:
        return self.result.system.name

    @property
    def task(self) -> str:
        return self.result.protocol.task

    @cached_property
    def samples(self) -> dict[str, list[Any]]:
        """Per-sample values by column."""
        return read_samples(self.file, self.result)

    @cached_property
    def where(self) -> dict[str, int]:
        """Row of each sample by its id."""
        return {name: row for row, name in enumerate(self.samples.get("id", ()))}


@dataclass(frozen=True)
class Pair:
    """Two results of one protocol: what was, and what is held against it."""

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
        one, other = (side.result.dataset for side in (self.before, self.after))
        if self.before.where or self.after.where:
            return self.before.samples["id"] == self.after.samples["id"]
        if one is None or other is None:
            return False
        return (one.n, one.skipped, one.failed) == (other.n, other.skipped, other.failed)


@dataclass(frozen=True)
class Sides:
    """What the two sides of a comparison are called; those of a gate unless they are named.

    Attributes:
        before, after: as they stand within a sentence.
        named: which is which, for a headline; empty where that goes without saying.
    """

    before: str = "the baseline"
    after: str = "the run"
    named: str = ""


GATE = Sides()


@dataclass(frozen=True)
class Matched:
    """What is compared, and what is not because one side lacks it.

    Attributes:
        missing: before, but not after; ``new``: after, but not before.
        failed: results after whose cell failed; ``failed_before``: before.
        elsewhere: tasks before that are not after; nothing is said of them.
        sides: what before and after are called.
    """

    pairs: tuple[Pair, ...]
    missing: tuple[Measured, ...] = ()
    new: tuple[Measured, ...] = ()
    failed: tuple[Measured, ...] = ()
    failed_before: tuple[Measured, ...] = ()
    elsewhere: tuple[str, ...] = ()
    sides: Sides = GATE


def read(path: Path) -> list[Measured]:
    """The results of a run, a baseline, a folder of them, or of one file.

    Raises:
        NoResults: there are none.
        BenchError: one was edited, or contradicts its samples (``bench/gate/soundness.py``).
    """
    found = [Measured(file, read_result(file)) for file in result_files(path)]
    if not found:
        raise NoResults(path)
    for one in found:
        check_result(one.file, one.result)
    # Of several runs in one folder the last counts.
    latest = {(m.name, m.result.fingerprint): m for m in sorted(found, key=lambda one: one.result.finished)}
    counting = [one for one in found if latest[one.name, one.result.fingerprint] is one]
    for one in counting:
        check_samples(one.file, one.result, one.samples)
    return counting


def match(
    before: Sequence[Measured],
    after: Sequence[Measured],
    only: Iterable[str] = (),
    renamed: Iterable[tuple[str, str]] = (),
    sides: Sides = GATE,
) -> Matched:
    """Results of the same system, task and protocol side by side.

    Args:
        only: names of the systems to look at; all if there are none.
        sides: what messages call before and after.
        renamed: names before and after of systems that are compared although they are called otherwise. If there
            are any, and no ``only``, nothing else is compared.

    Raises:
        BenchError: a name that is in neither, or a protocol that differs; the message names the fields.
    """
    only, renamed = list(only), list(renamed)
    for old, fresh in renamed:
        _check(old, before, sides.before)
        _check(fresh, after, sides.after)
    for name in only:
        _check(name, [*before, *after], " or ".join(dict.fromkeys((sides.before, sides.after))))
    names = only if only or renamed else dict.fromkeys(one.name for one in (*before, *after))
    wanted = [*((name, name) for name in names), *renamed]
    tasks = {one.task for one in after}
    pairs: list[Pair] = []
    missing, new, failed, failed_before = [], [], [], []
    for old, fresh in wanted:
        olds, news = ([m for m in side if m.name == name] for side, name in ((before, old), (after, fresh)))
        for task in sorted({m.task for m in (*olds, *news)} & tasks):
            was, now = ([m for m in side if m.task == task] for side in (olds, news))
            failed += [m for m in now if m.result.status == "failed"]
            failed_before += [m for m in was if m.result.status == "failed"]
            was, now = ([m for m in side if m.result.status == "ok"] for side in (was, now))
            here = {m.result.fingerprint for m in now} & {m.result.fingerprint for m in was}
            if was and now and not here:
                raise BenchError(_refusal(was[-1], now[-1], sides))
            both = [(o, n) for n in now for o in was if o.result.fingerprint == n.result.fingerprint]
            pairs += [Pair(o, n) for o, n in both]
            if was and not any(m.task == task for m in news):
                missing += was
            if now and not any(m.task == task for m in olds):
                new += now
    elsewhere = sorted({m.task for m in before} - tasks)
    return Matched(
        tuple(pairs), tuple(missing), tuple(new), tuple(failed), tuple(failed_before), tuple(elsewhere), sides
    )


def _check(name: str, results: Sequence[Measured], where: str) -> None:
    if all(one.name != name for one in results):
        raise UnknownName(f"system of {where}", name, {one.name for one in results})


def _refusal(before: Measured, after: Measured, sides: Sides) -> str:
    """Why two results of other protocols are not compared, field by field."""
    one, other = before.result.protocol, after.result.protocol
    lines = [
        f"{after.name}: measured under another protocol, so nothing is compared",
        f"  before [{one.fingerprint}] {before.file}",
        f"  after  [{other.fingerprint}] {after.file}",
    ]
    differing = differences(one, other)
    width = max(map(len, differing), default=0)
    for field, (was, now) in list(differing.items())[:SHOWN_FIELDS]:
        lines.append(f"  {field:<{width}}  {_short(was)} -> {_short(now)}")
    if len(differing) > SHOWN_FIELDS:
        lines.append(f"  and {len(differing) - SHOWN_FIELDS} more fields")
    other_way = ", or take the new one as the baseline: bench baseline update" if sides == GATE else ""
    lines.append(f"measure both under one protocol (--protocol, --dataset, --limit, --seed, --weights){other_way}")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
