"""The processes of the ranks that measure a cell together, as the runner of the first of them sees them.

With ``--ranks N`` the runner starts all of them. Under torchrun each rank has a runner, and those of the others follow
the first one's. A rank that ends early is reported in the store at which the ranks meet, because the others would wait
for it forever.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import TYPE_CHECKING

from bench.contracts.results import ErrorRecord
from bench.machine.processes import cause_of_death, end_group
from bench.machine.ranks import Meeting, hosted, launched

if TYPE_CHECKING:
    from bench.contracts.task import Cell

LOOK = 0.2
"""Seconds between two looks at the store."""
END = "end"
"""What the first runner calls out after its last cell."""
_numbers = itertools.count()
"""Numbers of the cells that this process has begun."""


@dataclass
class Team:
    """The other ranks of one attempt at a cell.

    Attributes:
        meeting: where the first rank meets them.
        members: the processes of the other ranks that this runner started.
    """

    meeting: Meeting
    members: dict[int, ForkServerProcess] = field(default_factory=dict)

    def failure(self) -> ErrorRecord | None:
        """What ended another rank before its time; None if nothing did."""
        for rank in range(1, self.meeting.size):
            if self.meeting.store.check([_error_key(rank)]):
                return ErrorRecord.model_validate_json(self.meeting.store.get(_error_key(rank)))
            process = self.members.get(rank)
            if process and process.exitcode:
                return _died(rank, process)
        return None


def tell(meeting: Meeting, error: ErrorRecord) -> None:
    """Tell the runner of the first rank what ended this one."""
    told = error.model_copy(update={"message": f"rank {meeting.rank}: {error.message}"})
    meeting.store.set(_error_key(meeting.rank), told.model_dump_json())


@contextmanager
def gathered(context: ForkServerContext, cell: Cell) -> Iterator[Team | None]:
    """The other ranks of a cell, begun; they are ended with the context. None where the cell has a single one."""
    size = cell.job.options.ranks
    if size == 1:
        yield None
        return
    name, launch = f"cell-{next(_numbers)}", launched()
    if launch:
        meeting = replace(launch, name=f"{launch.name}/{name}")
        launch.store.set(name, json.dumps(cell.file.name))
        try:
            yield Team(meeting)
        finally:
            meeting.store.set("over", "")
        return
    store = hosted()
    meetings = [Meeting(rank, size, "127.0.0.1", store.port, name, rank, size) for rank in range(size)]
    members = {meeting.rank: _process(context, cell, meeting) for meeting in meetings[1:]}
    try:
        for process in members.values():
            process.start()
        yield Team(meetings[0], members)
    finally:
        for process in members.values():
            _end(process)


def follow(context: ForkServerContext, cells: Sequence[Cell]) -> None:
    """Measure this rank's share of every cell that the runner of the first rank begins, until it calls the end.

    Args:
        cells: those of the plan, which is the same for all runners.
    """
    launch = launched()
    assert launch
    known = {cell.file.name: cell for cell in cells}
    for number in itertools.count():
        called = _awaited(launch, f"cell-{number}")
        if called == END:
            return
        meeting = replace(launch, name=f"{launch.name}/cell-{number}")
        process = _process(context, known[called], meeting)
        process.start()
        while process.is_alive() and not meeting.store.check(["over"]):
            process.join(LOOK)
        if process.exitcode and not meeting.store.check(["over"]):
            meeting.store.set(_error_key(meeting.rank), _died(meeting.rank, process).model_dump_json())
        _end(process)


@contextmanager
def leading() -> Iterator[None]:
    """The context in which the runner of the first rank measures; the runners of the others end with it."""
    launch = launched()
    assert launch
    store = hosted(launch.port)
    try:
        yield
    finally:
        launch.store.set(f"cell-{next(_numbers)}", json.dumps(END))
        del store


def _awaited(launch: Meeting, key: str) -> str:
    while not launch.store.check([key]):
        time.sleep(LOOK)
    return str(json.loads(launch.store.get(key)))


def _process(context: ForkServerContext, cell: Cell, meeting: Meeting) -> ForkServerProcess:
    from bench.measuring.cell_process import measure_cell

    return context.Process(target=measure_cell, args=(cell, None, meeting), name=f"rank {meeting.rank}")


def _end(process: ForkServerProcess) -> None:
    if process.pid is None:
        return
    if process.is_alive():
        process.kill()
    end_group(process.pid)
    process.join()


def _error_key(rank: int) -> str:
    return f"error/{rank}"


def _died(rank: int, process: ForkServerProcess) -> ErrorRecord:
    """The record of a rank whose process ended without an error of its own."""
    return ErrorRecord(type="ProcessDied", message=f"rank {rank}: {cause_of_death(process.exitcode)}")
