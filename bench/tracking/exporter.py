"""Export during a run: each result as soon as it is written, without ever failing the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from bench.contracts.results import Result, Run
from bench.machine.canonical import sha256_file
from bench.tracking.address import Address
from bench.tracking.client import SECONDS, connect, explain, seconds_to_connect, subdued, within
from bench.tracking.mirror import Mirror
from bench.tracking.record import Unexportable, record_of
from bench.tracking.state import Closing, State, Synced, exclusive


class Exporter:
    """Sends the results of one ``bench run`` to MLflow; nothing it does raises or blocks for long.

    The first problem with the store ends all attempts: later results are pending at once, and
    ``sync`` replays them.

    Attributes:
        pending: names of the result files that MLflow was not seen to hold.
        problem: why, on one line without credentials; None if there is no problem.
    """

    def __init__(self, run: Run, suite: str, uri: str | None = None, seconds: float = SECONDS) -> None:
        """Nothing is imported or contacted yet.

        Args:
            suite: name of the experiment.
            uri: tracking URI; by default ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the current directory.
            seconds: the longest that one call may take.
        """
        self.run, self.suite, self.seconds = run, suite, seconds
        self.pending: list[str] = []
        self.problem: str | None = None
        self._address = Address.of(uri)
        self._mirror: Mirror | None = None
        self._stopped = False

    @property
    def label(self) -> str:
        """The store, without credentials."""
        return self._address.label

    def export(self, file: Path, result: Result) -> None:
        """Send the result in ``file``, read it back and mark it synced; does nothing if it is already.

        Also call it for results that a resumed run finds finished.
        """
        try:
            if not self._send(file, result):
                self.pending.append(file.name)
        except Exception as error:
            self.pending.append(file.name)
            self._note(error)

    def close(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """End the parent run; the state keeps how the run ended, for ``sync`` to replay."""
        closing = Closing.now(status)
        try:
            if self.run.path.is_dir():
                self._close(closing)
        except Exception as error:
            self._note(error)

    def _send(self, file: Path, result: Result) -> bool:
        content = sha256_file(file)
        with exclusive(self.run.path):
            state = State.load(self.run.path)
            if state.holds(self.label, file.name, content):
                return True
            if self._stopped:
                return False
            record = record_of(file, result, content)
            state.closed.pop(self.suite, None)  # it runs again
            with subdued():
                mirror = self._opened(state)
                stored = within(self.seconds, lambda: mirror.put(record))
            state.mark(self.label, file.name, Synced(key=result.key, content=content, mlflow_run=stored.mlflow_run))
            state.save(self.run.path)
            return True

    def _close(self, closing: Closing) -> None:
        with exclusive(self.run.path):
            state = State.load(self.run.path)
            idle = self._mirror is None and not self.pending
            if idle and (self.suite in state.closed or self.label not in state.stores):
                return  # nothing was exported since the last close
            state.closed[self.suite] = closing
            state.save(self.run.path)
            if not self._stopped:
                with subdued():
                    mirror = self._opened(state)
                    within(self.seconds, lambda: mirror.close(closing))

    def _opened(self, state: State) -> Mirror:
        if self._mirror is None:
            client = within(seconds_to_connect(self._address, self.seconds), lambda: connect(self._address))
            mirror = within(self.seconds, lambda: self._find(client, state))
            state.save(self.run.path)  # the id must be on disk before MLflow knows it
            self._mirror = mirror
        state.run = self._mirror.run
        return self._mirror

    def _find(self, client: Any, state: State) -> Mirror:
        contents = [] if state.stores else [sha256_file(file) for file in self.run.files()]
        mirror = Mirror.open(client, self._address, self.suite, state, self.run.path.name, contents)
        mirror.reopen()
        return mirror

    def _note(self, error: Exception) -> None:
        if self.problem is None:
            self.problem = explain(error, self._address)
        self._stopped = self._stopped or not isinstance(error, Unexportable)
