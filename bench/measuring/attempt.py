"""An attempt at a cell: its process is started, watched and ended, whatever happens."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench.contracts.results import ErrorRecord, Result, Run
from bench.machine.channel import Receiver
from bench.machine.durations import duration
from bench.machine.processes import cause_of_death, end_group, orphans_ended
from bench.machine.progress import CellProgress
from bench.measuring.team import Team, gathered

if TYPE_CHECKING:
    from bench.contracts.task import Cell

GRACE = 10.0
"""Seconds that a process has to end after its result is on disk; what a system leaves running may never end."""
LOOK = 0.5
"""Seconds between two checks of the result and the time, even if the process reports nothing."""


def attempt(
    context: ForkServerContext, cell: Cell, run: Run, progress: CellProgress, timeout: float | None = None
) -> Result:
    """Measure a cell in a process of its own.

    The process counts as finished when it has ended, or when its result has been on disk for ``GRACE`` seconds; then it
    is killed with everything that it started, which cannot delay this.

    Args:
        timeout: the longest that it may take, in seconds.

    Returns:
        The result that the process wrote, or one that says why it wrote none, which is then on disk too.
    """
    from bench.measuring.cell_process import assemble, measure_cell

    started, clock = datetime.now(UTC), time.perf_counter()
    before = _written(cell.file)
    ours, theirs = context.Pipe(duplex=False)
    with orphans_ended(), ours, theirs, gathered(context, cell) as team:
        arguments = (cell, theirs, team.meeting if team else None)
        process = context.Process(target=measure_cell, args=arguments, name=cell.job.system.text)
        try:
            process.start()
            theirs.close()
            error = _watch(process, Receiver(ours), progress, cell.file, before, timeout, team)
        finally:
            if process.pid is not None:
                if process.is_alive():
                    process.kill()
                end_group(process.pid)
                process.join()
    if _written(cell.file) != before:
        with suppress(OSError, ValidationError):
            result = Result.model_validate_json(cell.file.read_bytes())
            if result.key == cell.key:
                return result
    error = error or ErrorRecord(type="ProcessDied", message=cause_of_death(process.exitcode))
    run.write(cell.file, assemble(cell, started, time.perf_counter() - clock, None, [error]), None)
    return Result.model_validate_json(cell.file.read_bytes())


def _watch(
    process: ForkServerProcess,
    receiver: Receiver,
    progress: CellProgress,
    file: Path,
    before: tuple[int, ...],
    timeout: float | None,
    team: Team | None,
) -> ErrorRecord | None:
    """Wait until the process is finished, and show its progress; the error if it took too long, or a rank was lost."""
    began, over = time.monotonic(), None
    sources: list[Any] = [process.sentinel, receiver.connection]
    while process.sentinel not in (ready := wait(sources, LOOK)):
        if receiver.connection in ready:
            reports = receiver.read()
            if reports is None:
                sources.remove(receiver.connection)  # closed by the system: there will be no more reports
            for report in reports or ():
                progress.update(*report)
        now = time.monotonic()
        if over is None and _written(file) != before:
            over = now + GRACE
        if over is not None and now > over:
            return None
        if over is None and team and (lost := team.failure()):
            return lost
        if over is None and timeout is not None and now > began + timeout:
            message = f"not measured within {duration(timeout)}, the --timeout; it was at: {progress.state()}"
            return ErrorRecord(type="TimedOut", message=message)
    return None


def _written(file: Path) -> tuple[int, ...]:
    """What distinguishes a file from an earlier one at its path; the time alone may be set back, or too coarse.

    A new result has another inode, since it is written while the earlier one still exists.
    """
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
