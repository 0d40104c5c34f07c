"""The cells of a run that are left to be measured, shared with other processes that write into the same directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contracts.results import Result, Run, read_result
from bench.contracts.task import Cell
from bench.errors import BenchError
from bench.machine import environment
from bench.machine.claims import Claim, Claims
from bench.machine.holders import Holder
from bench.machine.watch import State, state_of
from bench.measuring.keys import placed
from bench.measuring.outcomes import Outcome, failure_line

POLL = 1.0
"""Seconds between two looks whether what others hold is free."""


@dataclass(frozen=True)
class Kept:
    """A cell that need not be measured: its number from 1, its outcome, and who measured it, in words."""

    number: int
    outcome: Outcome
    how: str


@dataclass(frozen=True)
class Taken:
    """A cell to be measured now by this process, which has claimed it.

    Attributes:
        number: its number from 1.
        changed: what a finished result depends on that changed, if there is one.
    """

    number: int
    cell: Cell
    claim: Claim
    changed: str


@dataclass(frozen=True)
class Waiting:
    """A cell that others hold, or that needs a device that others time."""

    number: int
    cell: Cell
    holder: Holder

    @property
    def line(self) -> str:
        """What is waited for, as text for people."""
        return f"waiting for {self.holder.named}"


class Queue:
    """The cells that are left, in the order of the plan.

    Args:
        fresh: whether those that are finished are to be measured again, unless another process does so meanwhile.
        devices: the devices that cells may be measured on; a cell is finished if it is on one of them.
    """

    def __init__(self, cells: Sequence[Cell], run: Run, fresh: bool, devices: Sequence[str]) -> None:
        self.run = run
        self._devices = {environment.device_name(device): device for device in devices}
        self._claims = Claims.of(run.path)
        self._left = dict(enumerate(cells, 1))
        self._changed: dict[int, str] = {}
        self._fresh = fresh
        self._seen: dict[int, State | None] = {}

    def finished(self) -> Iterator[Kept]:
        """The cells that were finished before; called first."""
        for number, cell in list(self._left.items()):
            self._seen[number] = state_of(str(cell.file))
            if not self._fresh and (result := self._look(number, cell)):
                yield self._done(number, cell, result, "finished before, kept")

    @property
    def left(self) -> list[Path]:
        """The result files of the cells that are not finished."""
        return [cell.file for cell in self._left.values()]

    def take(self, device: str) -> Taken | Kept | Waiting | None:
        """The next cell for a device: to be measured, finished meanwhile by another process, or held by one.

        None if no cell is left.
        """
        waiting = None
        units = environment.timed_units(device)
        for number, planned in list(self._left.items()):
            cell = placed(planned, device)
            claim = self._claims.take(cell.file.stem, units, device)
            if isinstance(claim, Holder):
                waiting = waiting or Waiting(number, cell, claim)
                continue
            try:
                kept = self._of_another(number, cell)
            except BaseException:
                claim.release()
                raise
            if kept is not None:
                claim.release()
                return kept
            del self._left[number]
            return Taken(number, cell, claim, self._changed.get(number, ""))
        return waiting

    def _of_another(self, number: int, cell: Cell) -> Kept | None:
        """The cell, if another process has written its result since this command began."""
        if state_of(str(cell.file)) == self._seen[number]:
            return None
        if result := self._look(number, cell):
            return self._done(number, cell, result, "finished by another process, kept")
        try:
            result = read_result(cell.file)
        except BenchError:
            return None
        if result.key == cell.key and result.status == "failed":
            why = failure_line(result.errors[0], cell.file) if result.errors else ""
            return self._done(number, cell, result, f"measured by another process, kept · {why}")
        return None

    def _look(self, number: int, cell: Cell) -> Result | None:
        """The finished result of a cell on any of the devices, if there is one."""
        for device in self._devices.values():
            result, changed = self.run.look(cell.file, placed(cell, device).key)
            if result is not None:
                return result
            self._changed[number] = changed or self._changed.get(number, "")
        return None

    def _done(self, number: int, cell: Cell, result: Result, how: str) -> Kept:
        del self._left[number]
        return Kept(number, Outcome(cell.file, result, reused=True), how)
