"""``bench sync``: make MLflow hold the results of a run directory, and check that it does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.contracts.results import Result, Run, read_result
from bench.errors import BenchError
from bench.machine.canonical import sha256_file
from bench.tracking.address import Address
from bench.tracking.client import SECONDS, connect, explain, seconds_to_connect, subdued, within
from bench.tracking.mirror import SHOWN, Mirror, mark_removed
from bench.tracking.record import Unexportable, record_of
from bench.tracking.state import State, Synced, exclusive


@dataclass
class SyncReport:
    """What a sync found and did; results are named by their files.

    Attributes:
        store: the store, without credentials.
        written: results that MLflow did not have.
        repaired: results that it had incompletely or differently, with what was wrong.
        intact: results that it had whole.
        removed: ids of runs that held a result a second time and were deleted.
        marked: ids of runs whose result was removed from the run directory, which a tag now states.
        failed: results that it does not hold now, with the reason.
        problem: why the store could not be used; None if it could.
    """

    store: str
    written: list[str] = field(default_factory=list)
    repaired: dict[str, list[str]] = field(default_factory=dict)
    intact: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def pending(self) -> list[str]:
        """The result files that MLflow does not hold."""
        return sorted(self.failed)

    @property
    def ok(self) -> bool:
        """Whether MLflow was seen to hold every result."""
        return not self.failed and self.problem is None

    def __str__(self) -> str:
        counts = {
            "written": len(self.written),
            "repaired": len(self.repaired),
            "already there": len(self.intact),
            "pending": len(self.failed),
            "duplicates deleted": len(self.removed),
            "marked as removed": len(self.marked),
        }
        lines = [f"{self.store}: " + (", ".join(f"{n} {what}" for what, n in counts.items() if n) or "nothing done")]
        lines += [
            f"  repaired {file}: {'; '.join(lost[:SHOWN])}{' ...' * (len(lost) > SHOWN)}"
            for file, lost in self.repaired.items()
        ]
        if self.problem:
            lines.append(f"  {self.problem}")
        lines += [f"  pending {file}: {why}" for file, why in self.failed.items() if why != self.problem]
        return "\n".join(lines)


def require_results(run: Run) -> None:
    """Raise BenchError if a run directory holds no results and none was removed from it."""
    if not run.files() and not State.load(run.path).removed:
        raise BenchError(f"{run.path} holds no results to sync")


def sync(run: Run, uri: str | None = None, moved: Callable[[], None] = lambda: None) -> SyncReport:
    """Log the results of a run directory that MLflow does not hold, and read everything back.

    Idempotent: runs are found by tag, whoever wrote them and however complete they are. Problems are
    reported, not raised; a store that does not answer, or answers too slowly, is not tried again.

    Args:
        uri: tracking URI; by default that of the environment, as in :meth:`Address.of`.
        moved: called after each step.

    Raises:
        BenchError: the directory holds no results, or another process exports it.
    """
    require_results(run)
    address = Address.of(uri)
    report = SyncReport(address.label)
    suites: defaultdict[str, dict[Path, Result]] = defaultdict(dict)
    for file in run.files():
        try:
            result = read_result(file)
            suites[result.suite][file] = result
        except BenchError as error:
            report.failed[file.name] = str(error)
    with exclusive(run.path):
        state = State.load(run.path)
        try:
            with subdued():
                client = within(seconds_to_connect(address, SECONDS), lambda: connect(address))
                moved()
                # First, so that a result that was put back does not stay marked.
                if gone := state.removed.pop(address.label, []):
                    report.marked = mark_removed(client, gone)
                    state.save(run.path)
                    moved()
                for suite, results in suites.items():
                    _sync_suite(run, client, address, suite, results, state, report, moved)
        except Exception as error:
            report.problem = explain(error, address)
            done = {*report.written, *report.repaired, *report.intact, *report.failed}
            left = [file.name for results in suites.values() for file in results if file.name not in done]
            report.failed |= dict.fromkeys(left, report.problem)
    return report


def _sync_suite(
    run: Run,
    client: object,
    address: Address,
    suite: str,
    results: dict[Path, Result],
    state: State,
    report: SyncReport,
    moved: Callable[[], None],
) -> None:
    contents = {file: sha256_file(file) for file in results}
    mirror = within(
        SECONDS + len(contents),  # it may search for each
        lambda: Mirror.open(client, address, suite, state, run.path.name, contents.values()),
    )
    state.save(run.path)  # the id must be on disk before MLflow knows it
    for file, result in results.items():
        synced = state.holds(address.label, file.name, contents[file])
        moved()
        try:
            record = record_of(file, result, contents[file])
            stored = within(SECONDS, partial(mirror.put, record, thorough=not synced))
        except Exception as error:
            if isinstance(error, TimeoutError | MemoryError):
                raise
            if not isinstance(error, Unexportable) and not within(SECONDS, mirror.answers):
                raise
            report.failed[file.name] = explain(error, address)
            continue
        report.removed += stored.removed
        if stored.new:
            report.written.append(file.name)
        elif stored.lost:
            report.repaired[file.name] = stored.lost
        else:
            report.intact.append(file.name)
        state.mark(
            address.label, file.name, Synced(key=result.key, content=contents[file], mlflow_run=stored.mlflow_run)
        )
        state.save(run.path)
    report.removed += within(SECONDS, mirror.remove_empty_parents)
    if suite in state.closed:
        within(SECONDS, partial(mirror.close, state.closed[suite]))
