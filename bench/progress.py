"""Progress on stderr: a bar with rate and remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class CellProgress:
    """Shows which cell runs and how far it is."""

    def __init__(self, cells: int, console: Console) -> None:
        self.cells, self.console = cells, console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.row: TaskID | None = None

    def __enter__(self) -> CellProgress:
        self.bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)

    def start(self, number: int, name: str) -> None:
        """A cell begins."""
        self.label = f"[{number}/{self.cells}] {name}"
        self.began, self.phase = time.perf_counter(), ""
        self.row = self.bar.add_task(self.label, total=None, rate="")

    def update(self, phase: str, done: int, total: int) -> None:
        """The cell reports how far it is."""
        if self.row is None:
            return
        if phase != self.phase:
            self.phase, self.began = phase, time.perf_counter()
        elapsed = time.perf_counter() - self.began
        rate = f"{done / elapsed:.1f}/s" if 0 < done < total and elapsed > 0 else ""
        self.bar.update(self.row, description=f"{self.label} · {phase}", completed=done, total=total, rate=rate)

    def finish(self, outcome: str) -> None:
        """The cell is over; one line stays."""
        if self.row is not None:
            self.bar.remove_task(self.row)
            self.row = None
        self.console.print(f"{self.label} · {outcome}", markup=False, highlight=False)
