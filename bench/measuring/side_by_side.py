"""Cells side by side on several devices, each device served by a process that measures one cell after the other.

A server has a fork server of its own and is the one that adopts what its cells leave behind, so that the end of a cell
ends that and nothing of the cells beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from types import FrameType

from rich.console import Console

from bench.contracts.results import ErrorRecord, Run, read_result
from bench.machine.processes import die_with_parent, orphans_ended
from bench.machine.progress import CellProgress
from bench.measuring import fork_server
from bench.measuring.attempt import attempt
from bench.measuring.outcomes import Outcome, measured_line
from bench.measuring.queue import POLL, Kept, Queue, Taken, Waiting

SECONDS_TO_END = 15.0
"""The longest that a server may take to end its cell and itself."""


def side_by_side(
    devices: Sequence[str],
    queue: Queue,
    run: Run,
    progress: CellProgress,
    timeout: float | None,
    modules: Sequence[str],
) -> Iterator[Outcome | Kept]:
    """The outcomes of what is left, measured on several devices, as they come.

    Args:
        timeout: the longest that a cell may take, in seconds.
        modules: modules that cells take long to import.
    """
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    servers = [_Server(device, run, progress.beside(), modules, threads) for device in devices]
    with orphans_ended():
        try:
            while True:
                waiting = None
                for server in servers:
                    while server.taken is None and (item := queue.take(server.device)):
                        if isinstance(item, Waiting):
                            waiting = item
                            break
                        if isinstance(item, Kept):
                            yield item
                        else:
                            server.begin(item, timeout)
                busy = {server.connection: server for server in servers if server.taken is not None}
                if not busy and waiting is None:
                    return
                if not busy and waiting is not None:
                    servers[0].wait_for(waiting)
                    time.sleep(POLL)
                for connection in wait(list(busy), POLL) if busy else ():
                    if outcome := busy[connection].read():  # type: ignore[index]
                        yield outcome
        finally:
            for server in servers:
                server.end()


class _Server:
    """The end of the command of a process that serves a device; the process starts with its first cell."""

    def __init__(self, device: str, run: Run, progress: CellProgress, modules: Sequence[str], threads: int) -> None:
        self.device = device
        self.taken: Taken | None = None
        self._run, self._progress, self._modules, self._threads = run, progress, modules, threads
        self._process: multiprocessing.process.BaseProcess | None = None
        self._waited_for = ""

    def begin(self, taken: Taken, timeout: float | None) -> None:
        """Have a cell measured."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self.connection, theirs = context.Pipe()
            arguments = (theirs, self._run, self._modules, self._threads)
            self._process = context.Process(target=_serve, args=arguments, name=f"server of {self.device}")
            self._process.start()
            theirs.close()
        self.taken = taken
        self._began, self._clock = datetime.now(UTC), time.perf_counter()
        name = f"{taken.cell.job.system.text} on {self.device}"
        self._progress.start(taken.number, name, taken.claim.report)
        with suppress(OSError):  # of a process that has died, which reading notices
            self.connection.send((taken.cell, timeout))

    def wait_for(self, waiting: Waiting) -> None:
        """Show that a cell is waited for that others hold."""
        if self._waited_for != waiting.line:
            self._waited_for = waiting.line
            self._progress.start(waiting.number, waiting.cell.job.system.text)
            self._progress.update(waiting.line, 0, 0)

    def read(self) -> Outcome | None:
        """What the process has sent, shown; the outcome if that ended its cell."""
        assert self.taken is not None
        try:
            update = self.connection.recv()
        except (EOFError, OSError):
            self._record_death()
            update = None
        if update is not None:
            self._progress.update(*update)
            return None
        taken, self.taken = self.taken, None
        outcome = Outcome(taken.cell.file, read_result(taken.cell.file), reused=False)
        taken.claim.release()
        self._progress.finish(measured_line(outcome, time.perf_counter() - self._clock, taken.changed))
        return outcome

    def _record_death(self) -> None:
        """Write why there is no result, where the process itself died, as if killed for its memory."""
        from bench.measuring.cell_process import assemble

        assert self.taken is not None and self._process is not None
        self._process.join(SECONDS_TO_END)
        message = f"the process that serves {self.device} ended with code {self._process.exitcode}"
        error = ErrorRecord(type="ProcessDied", message=message)
        seconds = time.perf_counter() - self._clock
        self._run.write(self.taken.cell.file, assemble(self.taken.cell, self._began, seconds, None, [error]), None)
        self.connection.close()
        self._process = None

    def end(self) -> None:
        """End the process, in the middle of its cell if need be, and give up what it was measuring."""
        if self._process is not None:
            self.connection.close()  # it ends by itself between two cells
            if self.taken is not None:
                self._process.terminate()  # type: ignore[attr-defined]
            self._process.join(SECONDS_TO_END)
            self._process.kill()  # type: ignore[attr-defined]
            self._process.join()
        if self.taken is not None:
            self.taken.claim.release()


def _serve(channel: Connection, run: Run, modules: Sequence[str], threads: int) -> None:
    """Measure the cells that come through a channel, and send how far they are, and None after each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit)
    die_with_parent()
    # Each cell would use all cores, in which case all wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    context = fork_server.context(modules)
    forkserver.ensure_running()
    progress = CellProgress(1, Console(quiet=True, force_terminal=False))
    with suppress(EOFError, OSError):
        while True:
            cell, timeout = channel.recv()
            progress.start(1, cell.job.system.text, lambda *update: channel.send(update))
            attempt(context, cell, run, progress, timeout)
            channel.send(None)


def _exit(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that what is being measured is ended on the way."""
    sys.exit(128 + number)
