"""Which results of a run directory are in which MLflow store: its ``tracking.json``, and the lock on it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError
from bench.machine.canonical import readable_json, write_atomic

FILE = "tracking.json"
LOCK = ".tracking.lock"
LOCK_SECONDS = 10.0


class Synced(BaseModel):
    """A result that MLflow was seen to hold."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(description="key of the result")
    content: str = Field(description="sha256 of the result file")
    mlflow_run: str = Field(description="id of the child run")


class Closing(BaseModel):
    """How a bench run ended."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["FINISHED", "FAILED", "KILLED"]
    time: int = Field(description="milliseconds since 1970")

    @classmethod
    def now(cls, status: Literal["FINISHED", "FAILED", "KILLED"]) -> Closing:
        """A run that ends now with this status."""
        return cls(status=status, time=time.time_ns() // 1_000_000)


class State(BaseModel):
    """The content of ``tracking.json``."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    run: str = Field(
        default_factory=lambda: uuid.uuid4().hex,
        pattern="^[0-9a-f]{32}$",
        description="id of the run directory in MLflow",
    )
    closed: dict[str, Closing] = Field(
        default_factory=dict, description="how the run ended, by suite; absent while it runs"
    )
    stores: dict[str, dict[str, Synced]] = Field(
        default_factory=dict, description="synced results, by store and result file"
    )
    removed: dict[str, list[str]] = Field(
        default_factory=dict, description="by store, ids of child runs whose result was removed; sync marks them"
    )

    @classmethod
    def load(cls, folder: Path) -> State:
        """The state of a run directory; a new one if there is none that can be read."""
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except (FileNotFoundError, ValidationError):
            return cls()

    def save(self, folder: Path) -> None:
        """Write the state, whole or not at all."""
        write_atomic(folder / FILE, readable_json(self.model_dump(mode="json")).encode())

    def holds(self, store: str, file: str, content: str) -> bool:
        """Whether a result file with that content was seen in the store."""
        entry = self.stores.get(store, {}).get(file)
        return entry is not None and entry.content == content

    def mark(self, store: str, file: str, synced: Synced) -> None:
        """Note that the store holds a result."""
        self.stores.setdefault(store, {})[file] = synced

    def forget(self, store: str, files: Collection[str]) -> list[str]:
        """Note results that the store holds as removed, and return the ids of their child runs."""
        synced = self.stores.get(store, {})
        runs = [synced.pop(file).mlflow_run for file in sorted(files) if file in synced]
        if runs:
            self.removed.setdefault(store, []).extend(runs)
        return runs


@contextmanager
def locked(file: Path, busy: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold a lock between processes within the context.

    The kernel releases it when the process ends, however it does. The file is removed when nobody holds the lock; if a
    process was killed, the next one removes it. Where there is no ``flock`` there is no lock.

    Args:
        busy: the message of the error.
        seconds: how long to wait for another process.

    Raises:
        BenchError: another process held the lock for so long.
    """
    try:
        import fcntl  # noqa: F401 - there is none on Windows
    except ImportError:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    while (descriptor := _lock(file)) is None:
        if time.monotonic() > deadline:
            raise BenchError(busy)
        time.sleep(0.05)
    try:
        yield
    finally:
        if _is_open(file, descriptor):
            file.unlink()  # before the lock is released: after that it might be another process's
        os.close(descriptor)


def _lock(file: Path) -> int | None:
    """A descriptor that holds the lock; None while another process does."""
    import fcntl

    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The former holder may have removed the file since it was opened here; a lock on it would exclude nobody.
        held = _is_open(file, descriptor)
    except BlockingIOError:
        held = False
    except BaseException:
        os.close(descriptor)
        raise
    if held:
        return descriptor
    os.close(descriptor)
    return None


def _is_open(file: Path, descriptor: int) -> bool:
    """Whether a descriptor is of the file that has this name now."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the lock on a run directory's exports, so that a sync and a run create no duplicates."""
    with locked(folder / LOCK, f"{folder} is being exported by another process; try again when it has finished"):
        yield
