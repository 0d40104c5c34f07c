"""What has become of the cells that the last command of a run directory asked for."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.contracts.last_command import FILE, LastCommand
from bench.contracts.results import Result, Run, broken_metrics, read_result
from bench.errors import BenchError, Unavailable
from bench.jobs.queues import ACTIVE, WAITING, QueueState, states_of
from bench.jobs.records import Ending, JobRecord, Records
from bench.machine.claims import Claims
from bench.machine.holders import Holder
from bench.machine.progress import STARTING
from bench.machine.watch import state_of

State = Literal["queued", "running", "done", "failed", "cancelled", "missing", "unknown"]
ENDED = (-signal.SIGTERM, 128 + signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGINT)
"""Exit codes of a command that was told to end."""


@dataclass(frozen=True)
class CellState:
    """The state of one cell.

    Attributes:
        state: ``queued``: a job or a command that is running will measure it; ``missing``: nobody will;
            ``unknown``: the queue of its job does not answer.
        system: name of the system.
        file: name of the result's file.
        job: id of its job, if it has one.
        where: the machine and the device.
        since: when it began: UTC, ISO 8601.
        detail: the phase that it is in, why it waits, or why it failed.
        done, total: how far the phase is.
    """

    state: State
    system: str = ""
    file: str = ""
    job: str = ""
    where: str = ""
    since: str = ""
    detail: str = ""
    done: int = 0
    total: int = 0

    @property
    def is_final(self) -> bool:
        """Whether nothing more will become of it by itself."""
        return self.state not in ("queued", "running", "unknown")


def states_in(run: Run) -> list[CellState]:
    """The states of all cells of the last command, or without one of those that have results, in order of their files.

    Raises:
        BenchError: it is not a run directory.
    """
    command = LastCommand.load(run.path)
    files = [run.folder / name for name in command.cells] if command else run.files()
    if not files:
        raise BenchError(f"{run.path}: not the directory of a run")
    records = Records(run.path)
    jobs = {file: job for file in files if (job := records.job(file.stem))}
    try:
        queue, silent = states_of(jobs.values()), ""
    except Unavailable as error:
        queue, silent = {}, str(error)
    claims = Claims.of(run.path)
    holders = claims.holders()
    going_on = command is not None and command.process is not None and claims.is_alive(Holder(**command.process))
    states = []
    for file in sorted(files):
        result, unread = _result(file)
        job = jobs.get(file)
        known = _Known(
            result=result,
            unread=unread,
            current=command is None or not _is_earlier(file, command, run.path),
            holder=holders.get(file.stem),
            job=job,
            queued=queue.get(job.job, QueueState("")) if job else QueueState(""),
            ending=records.ending(file.stem),
            going_on=going_on,
            silent=silent,
        )
        planned = command.systems.get(file.name, "") if command else ""
        system = result.system.name if result else planned or file.name.partition("--")[0]
        states.append(replace(known.state(), system=system, file=file.name, job=job.job if job else ""))
    return states


def _result(file: Path) -> tuple[Result | None, str]:
    """The result in a file, if there is one, or why it cannot be read."""
    try:
        return (read_result(file) if file.exists() else None), ""
    except BenchError as error:
        return None, str(error)


def _is_earlier(file: Path, command: LastCommand, folder: Path) -> bool:
    """Whether a result is older than the command that is to measure its cell."""
    if file.name not in command.pending:
        return False
    result, began = state_of(str(file)), state_of(str(folder / FILE))
    return result is not None and began is not None and result[1] < began[1]


@dataclass(frozen=True)
class _Known:
    """What is known of a cell.

    Attributes:
        unread: why its result cannot be read.
        current: whether its result, if there is one, is not older than the command.
        holder: who is measuring it.
        queued: what its job's queue says.
        ending: how the command of its job ended.
        going_on: whether the command itself is running and will measure it.
        silent: why the queue of jobs does not answer; empty if it does.
    """

    result: Result | None
    unread: str
    current: bool
    holder: Holder | None
    job: JobRecord | None
    queued: QueueState
    ending: Ending | None
    going_on: bool
    silent: str

    def state(self) -> CellState:
        """The state; whose it is, is for the caller to add."""
        if (whole := self._whole()) and self.current:
            return CellState("done", where=whole)
        if (holder := self.holder) is not None:
            where = f"{holder.host} ({holder.device})"
            return CellState(
                "running", where=where, since=holder.since, detail=holder.phase, done=holder.done, total=holder.total
            )
        if self.queued.state in WAITING:
            return CellState("queued", detail=self.queued.reason)
        if self.queued.state in ACTIVE:
            return CellState("running", where=self.queued.node, detail=STARTING)
        if self.going_on and not (self.result and self.current):
            return CellState("queued")
        if self.queued.state == "CANCELLED" or (self.ending is not None and self.ending.code in ENDED):
            return CellState("cancelled", where=self.queued.node)
        if reason := self._failure():
            return CellState("failed", where=self.queued.node, detail=reason)
        if whole and self.ending is not None and self.ending.code == 0:
            return CellState("done", where=whole)  # it was finished before, as its job found
        if self.job is not None and self.silent:
            return CellState("unknown", detail=self.silent)
        return CellState("missing", detail=self._trace())

    def _whole(self) -> str:
        """The device that a result was measured on in which nothing failed; empty if there is none."""
        if self.result is None or self.result.status != "ok" or broken_metrics(self.result.metrics):
            return ""
        return self.result.cost.device if self.result.cost else "an unknown device"

    def _failure(self) -> str:
        """Why there is no result, or what failed in it; empty if nothing is known to have failed."""
        if self.unread:
            return self.unread
        if self.result is not None and self.current:
            errors = [error.told for error in self.result.errors]
            return "; ".join(errors or broken_metrics(self.result.metrics))
        if self.queued.state not in ("", "COMPLETED", "FAILED"):
            return f"Slurm ended its job: {self.queued.state}"
        if self.ending is None or self.ending.code == 0:
            return ""
        if self.ending.code < 0:
            return f"its process was killed by {signal.Signals(-self.ending.code).name}; it may have run out of memory"
        return self.ending.reason or f"its job ended with code {self.ending.code}"

    def _trace(self) -> str:
        """What is left of a cell that nobody is measuring or will measure."""
        if self.job is not None:
            return (
                f"job {self.job.job} ended without a result: cancelled before it began, killed, or lost with its node"
            )
        return "an earlier result is there" if self.result is not None else ""
