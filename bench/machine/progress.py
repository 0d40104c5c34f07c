"""Progress on stderr: a bar with rate and remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bench.machine.durations import duration
from bench.machine.texts import visible

QUIET = 10.0
"""Seconds until the next line where there is no bar, and without progress until that is reported."""
BEAT = 0.5
"""Seconds between two updates of what is shown."""
STARTING = "starting"
"""The phase before a cell has reported anything."""
LEAST_TIMED = 1.0
"""Seconds of a phase before a rate is worth showing."""


Listener = Callable[[str, int, int], None]
"""A function called with the phase, the number of samples done and the number of samples in all."""


class CellProgress:
    """Shows which cell is running and how far it is, whatever this process is waiting for.

    Args:
        cells: the number of cells.
        console: where it is shown.
        bar: the bars of cells that are measured at the same time, if there are any.
    """

    def __init__(self, cells: int, console: Console, bar: Progress | None = None) -> None:
        self.cells, self.console = cells, console
        self.bar = bar or Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.row: TaskID | None = None
        self.label = self._phase = ""
        self._done = self._total = 0
        self._listener: Listener | None = None
        self._beside: list[CellProgress] = []
        self._lock = threading.RLock()
        self._beat = _Beat(self._tick)

    def __enter__(self) -> CellProgress:
        self.bar.__enter__()
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beat.stop()
        self.bar.__exit__(kind, error, trace)

    def beside(self) -> CellProgress:
        """The progress of a further cell, which is measured at the same time; it is shown until this one ends."""
        with self._lock:
            self._beside.append(CellProgress(self.cells, self.console, self.bar))
            return self._beside[-1]

    def start(self, number: int, name: str, listener: Listener | None = None) -> None:
        """Show that a cell begins, by its number from 1 and the name of its system.

        Args:
            listener: called with every update too.
        """
        with self._lock:
            if self.row is not None:
                self.bar.remove_task(self.row)
            self._listener = listener
            self.label = f"[{number}/{self.cells}] {name}"
            self._began = self._printed = time.monotonic()
            self._phases: set[str] = set()
            self._enter(STARTING, 0, 0)
            self.row = self.bar.add_task(self.label, total=None, rate="")

    def update(self, phase: str, done: int, total: int) -> None:
        """Show how far the cell is: its phase, the samples done and the samples in all."""
        with self._lock:
            if self.row is None:
                return
            if phase != self._phase:
                self._enter(phase, done, total)
            elif done != self._done:
                self._moved = time.monotonic()
            self._done, self._total = done, total
            self._show()
            if phase not in self._phases:
                self._phases.add(phase)
                self._line()
            if self._listener is not None:
                self._listener(phase, done, total)

    def finish(self, outcome: str) -> None:
        """Show in a line that stays how the cell ended."""
        with self._lock:
            if self.row is not None:
                self.bar.remove_task(self.row)
                self.row = None
            self._print(outcome)

    def state(self) -> str:
        """How far the cell is, and for how long there has been no progress, as text."""
        with self._lock:
            amount = [f"{self._done} of {self._total}"] if self._total else []
            return " · ".join([self._phase, *amount, *self._still()])

    def _enter(self, phase: str, done: int, total: int) -> None:
        self._phase, self._done, self._total = phase, done, total
        self._first, self._entered = done, time.monotonic()
        self._moved = self._entered

    def _rate(self) -> str:
        elapsed = time.monotonic() - self._entered
        worthwhile = self._first < self._done < self._total and elapsed >= LEAST_TIMED
        return f"{(self._done - self._first) / elapsed:.1f}/s" if worthwhile else ""

    def _still(self) -> list[str]:
        idle = 0.0 if self._phase == STARTING else time.monotonic() - self._moved  # there, the total time shows it
        return [f"no progress for {duration(idle)}"] if idle >= QUIET else []

    def _tick(self) -> None:
        with self._lock:
            for progress in self._beside:
                progress._tick()
            if self.row is None:
                return
            self._show()
            if time.monotonic() - self._printed >= QUIET:
                self._line()

    def _show(self) -> None:
        if self.row is not None and self.console.is_terminal:
            name = " · ".join([self.label, self._phase, *self._still()])
            total = self._total or None
            self.bar.update(self.row, description=name, completed=self._done, total=total, rate=self._rate())

    def _line(self) -> None:
        if not self.console.is_terminal:
            rate = self._rate()
            self._print(" · ".join([self.state(), *([rate] if rate else []), duration(time.monotonic() - self._began)]))

    def _print(self, text: str) -> None:
        self._printed = time.monotonic()
        self.console.print(visible(f"{self.label} · {text}"), markup=False, highlight=False, soft_wrap=True)


class _Beat:
    """Calls a function every ``BEAT`` seconds in a thread."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function, self._ended = function, threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(BEAT):
            self._function()


@contextmanager
def waiting(text: str, console: Console) -> Iterator[None]:
    """Show what is being waited for: beside a spinner on a terminal, elsewhere in a line every ten seconds."""
    began = printed = time.monotonic()

    def remind() -> None:
        nonlocal printed
        if time.monotonic() - printed >= QUIET:
            printed = time.monotonic()
            console.print(f"{text} · {duration(printed - began)}", markup=False, highlight=False)

    beat = _Beat(remind)
    if not console.is_terminal:
        console.print(f"{text} ...", markup=False, highlight=False)
        beat.start()
    try:
        with console.status(f"{text} ...") if console.is_terminal else nullcontext():
            yield
    finally:
        if not console.is_terminal:
            beat.stop()
