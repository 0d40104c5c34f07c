"""Export and sync in a process of their own, so that no server can take this one's time or memory."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from bench.contracts.results import Run
from bench.errors import BenchError
from bench.machine.canonical import sha256_file
from bench.machine.durations import duration
from bench.tracking.address import Address
from bench.tracking.client import SECONDS, seconds_to_connect
from bench.tracking.state import LOCK_SECONDS, Closing, State, exclusive
from bench.tracking.sync import SyncReport, require_results

ROOM = 2 << 30
"""The most bytes of memory that the answers of a server may take."""
START_SECONDS = 120.0
"""The longest that importing mlflow may take."""
LONGEST = 64 << 20
"""The most bytes of an answer of the process."""


class Gone(Exception):
    """The process ended, or was ended because it took too long."""


class ExporterApart:
    """``Exporter`` in a process of its own, which starts with the first result that the store does not hold.

    Attributes:
        pending: names of the result files that MLflow was not seen to hold.
        problem: why, on one line without credentials; None if there is no problem.
    """

    def __init__(self, run: Run, suite: str, uri: str | None = None, seconds: float = SECONDS) -> None:
        """Nothing is started or contacted yet.

        Args:
            suite: name of the experiment.
            uri: tracking URI; by default ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the current directory.
            seconds: the longest that one call of MLflow may take.
        """
        self.run, self.suite, self.seconds = run, suite, seconds
        self.pending: list[str] = []
        self.problem: str | None = None
        self._address = Address.of(uri)
        self._child: Child | None = None
        self._gone = False

    @property
    def label(self) -> str:
        """The store, without credentials."""
        return self._address.label

    def export(self, file: Path) -> None:
        """Send the result in ``file``; does nothing if it is in the store already."""
        try:
            if State.load(self.run.path).holds(self.label, file.name, sha256_file(file)):
                return
        except OSError as error:
            self._note(file.name, f"{file}: {error.strerror}")
            return
        self._ask(file.name, what="export", file=str(file))

    def close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """End the parent run and the process; the state keeps how the run ended, for ``sync`` to replay."""
        state = State.load(self.run.path)
        closed = self.suite in state.closed or self.label not in state.stores
        if self._gone:
            self._keep(status)
        elif self._child is not None or self.pending or not closed:
            self._ask(None, what="close", status=status)
        if self._child is not None:
            self._child.end()
            self._child = None

    def _ask(self, name: str | None, **order: Any) -> None:
        if self._gone:
            self._note(name, self.problem or "")
            return
        try:
            if self._child is None:
                self._child = Child(self._address)
            order |= {"run": str(self.run.path), "suite": self.suite, "uri": self._address.uri, "seconds": self.seconds}
            answer = self._child.ask(order, _silence(self._address, self.seconds))
        except Gone as error:
            self._gone = True
            self._note(name, f"{self.label}: {error}")
        else:
            self.pending = list(dict.fromkeys([*self.pending, *answer["pending"]]))
            self.problem = self.problem or answer["problem"]

    def _keep(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        try:
            with exclusive(self.run.path):
                state = State.load(self.run.path)
                state.closed[self.suite] = Closing.now(status)
                state.save(self.run.path)
        except (BenchError, OSError) as error:
            self._note(None, str(error))

    def _note(self, file: str | None, problem: str) -> None:
        if file is not None:
            self.pending.append(file)
        self.problem = self.problem or problem


def sync_apart(run: Run, uri: str | None = None, timeout: float | None = None) -> SyncReport:
    """``sync`` in a process of its own.

    Args:
        timeout: the longest that all of it may take, in seconds; without it, a process that stays silent is ended.

    Raises:
        BenchError: the directory holds no results, or another process exports it.
    """
    require_results(run)
    address = Address.of(uri)
    try:
        child = Child(address)
        try:
            order = {"what": "sync", "run": str(run.path.absolute()), "uri": address.uri}
            answer = child.ask(order, _silence(address, SECONDS) + len(run.files()), timeout)
        finally:
            child.end()
    except Gone as error:
        return _unanswered(run, address, f"{address.label}: {error}")
    if "error" in answer:
        raise BenchError(answer["error"])
    return SyncReport(**answer["report"])


def _silence(address: Address, seconds: float) -> float:
    """Seconds without an answer after which the process is ended, because its own time limits did not work."""
    return LOCK_SECONDS + seconds_to_connect(address, seconds) + 2 * seconds


def _unanswered(run: Run, address: Address, problem: str) -> SyncReport:
    """The report of a process that gave none: results that the state has as synced count, the rest is pending."""
    state, report = State.load(run.path), SyncReport(address.label, problem=problem)
    for file in run.files():
        if state.holds(address.label, file.name, sha256_file(file)):
            report.intact.append(file.name)
        else:
            report.failed[file.name] = problem
    return report


class Child:
    """The process that exports, and the lines exchanged with it."""

    def __init__(self, address: Address) -> None:
        """Start the process.

        Raises:
            Gone: it does not start.
        """
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bench.tracking.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this process to handle
            )
        except OSError as error:
            raise Gone(f"the process that exports cannot be started: {error.strerror}") from None
        self._rest, self._number = b"", 0
        self.ask({"what": "limit", "room": ROOM, "remote": address.database is None}, START_SECONDS)

    def ask(self, order: dict[str, Any], silence: float, timeout: float | None = None) -> dict[str, Any]:
        """The answer to an order.

        Args:
            silence: seconds after which a process that answers nothing is ended.
            timeout: seconds after which it is ended in any case.

        Raises:
            Gone: it ended, or was ended.
        """
        assert self._process.stdin is not None
        self._number += 1
        began = heard = time.monotonic()
        try:
            self._process.stdin.write(json.dumps({**order, "number": self._number}).encode() + b"\n")
            self._process.stdin.flush()
            while True:
                limits = [heard + silence] + ([began + timeout] if timeout is not None else [])
                answer: dict[str, Any] = json.loads(self._line(min(limits)))
                heard = time.monotonic()
                # An interrupt may have left the answer to an earlier order unread.
                if answer["number"] == self._number and "moved" not in answer:
                    return answer
        except TimeoutError:
            self.end()
            whole = timeout is not None and time.monotonic() >= began + timeout
            cause = (
                f"not finished within {duration(timeout or 0)}" if whole else f"no answer within {duration(silence)}"
            )
            raise Gone(cause) from None
        except (OSError, ValueError, KeyError):
            self.end()
            raise Gone(f"the process that exports ended with code {self._process.returncode}") from None

    def end(self) -> None:
        """End the process, whatever it is doing."""
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _line(self, deadline: float) -> bytes:
        """The next line of the answers; TimeoutError at the deadline, OSError if the process has ended."""
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            data = os.read(source, 1 << 16)
            if not data or len(self._rest) > LONGEST:
                raise OSError("it ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line
