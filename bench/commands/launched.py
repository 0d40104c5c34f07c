"""Cells that jobs measure: submitted, and waited for if the user wants that."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.commands.outcomes import say
from bench.contracts.last_command import LastCommand
from bench.contracts.results import Result, Run, read_result
from bench.contracts.task import Cell
from bench.errors import BenchError
from bench.jobs.settings import Launch
from bench.jobs.status import CellState, states_in
from bench.jobs.submission import submit, waiting_or_running
from bench.machine.progress import STARTING, CellProgress

if TYPE_CHECKING:
    from bench.measuring.outcomes import Outcome

POLL = 2.0
"""Seconds between two looks at the states of the cells."""
GRACE = 60.0
"""Seconds after which a cell whose job has ended is taken to have no result."""


class Launched:
    """The cells of a command whose cells are measured by jobs.

    Args:
        cells: all cells of the command, without keys, which are those of the devices that they get.
        shown: the run directory as the user knows it.
        given: the options that the user gave.
        fresh: whether finished cells are measured again.
    """

    def __init__(
        self, cells: Sequence[Cell], run: Run, shown: Path, launch: Launch, given: Mapping[str, Any], fresh: bool
    ) -> None:
        self.cells, self.run, self.shown, self.launch, self.given = cells, run, shown, launch, given
        self.finished = (
            {} if fresh else {cell.file: result for cell in cells if (result := finished_anywhere(run, cell))}
        )

    def submit(self, console: Console) -> None:
        """Submit jobs for the cells that are not finished and have none, and say so."""
        left = [cell for cell in self.cells if cell.file not in self.finished]
        queued = waiting_or_running(self.run)
        new = [cell.file for cell in left if cell.file.stem not in queued]
        LastCommand.of(
            dict(self.given),
            [cell.file for cell in self.cells],
            systems={cell.file.name: cell.job.system.text for cell in self.cells},
            pending=[cell.file.name for cell in left],
        ).save(self.run.path)
        jobs = submit(new, self.run, self.launch, self.given) if new else []
        devices = Counter(result.cost.device for result in self.finished.values() if result.cost)
        for device, count in devices.items():
            say(console, f"{count} finished before on {device}, kept (--fresh measures them again)")
        if len(left) > len(new):
            say(console, f"{len(left) - len(new)} have jobs already")
        for record, file in zip(jobs, new, strict=True):
            say(console, f"job {record.job} · {file.stem}")
        if left and not self.launch.wait:
            end = f"; scancel {jobs[0].job.partition('_')[0]} ends them" if jobs and jobs[0].launcher == "slurm" else ""
            say(
                console, f"bench status {self.shown} shows how far they are, bench leaderboard ranks what is there{end}"
            )

    def outcomes(self, progress: CellProgress) -> Iterator[Outcome | None]:
        """The outcomes of all cells as they come; None for one that ended without a result."""
        numbers = {cell.file.name: number for number, cell in enumerate(self.cells, 1)}
        rows: dict[str, CellProgress] = {}
        ended: dict[str, float] = {}
        while numbers:
            for state in states_in(self.run):
                if state.file not in numbers:
                    continue
                row = rows.get(state.file)
                if row is None:
                    row = rows[state.file] = progress.beside()
                if not state.is_final:
                    ended.pop(state.file, None)
                if state.state == "running":
                    if row.row is None:
                        row.start(numbers[state.file], f"{state.system} on {state.where}")
                    if state.detail != STARTING:
                        row.update(state.detail, state.done, state.total)
                elif state.state == "done" or (
                    state.is_final and self._is_over(state, ended.setdefault(state.file, time.monotonic()))
                ):
                    row.start(numbers.pop(state.file), state.system)
                    row.finish(line_of(state))
                    yield self._outcome(state)
            if numbers:
                time.sleep(POLL)

    def _outcome(self, state: CellState) -> Outcome | None:
        """The outcome of a cell; None if it has no result of this command that can be read."""
        from bench.measuring.outcomes import Outcome

        file = self.run.folder.absolute() / state.file
        with suppress(BenchError):
            if state.state in ("done", "failed") and file.exists():
                return Outcome(file, read_result(file), file in self.finished)
        return None

    def _is_over(self, state: CellState, since: float) -> bool:
        """Whether a cell that ended badly, as it seems since a moment, has done so.

        It may have been seen between two states, and the files of another machine come late.
        """
        has_result = (self.run.folder / state.file).exists()
        return time.monotonic() - since >= (POLL if has_result or state.state == "cancelled" else GRACE)


def finished_anywhere(run: Run, cell: Cell) -> Result | None:
    """The finished result of a cell on whatever device it was measured, if there is one."""
    from bench.measuring.keys import cell_key

    try:
        result = read_result(cell.file)
    except BenchError:
        return None
    return run.find(cell.file, cell_key(cell.job, result.cost.device)) if result.cost else None


def line_of(state: CellState) -> str:
    """A state with its reason as text for people."""
    return " · ".join(filter(None, (state.state, state.where, state.detail)))
