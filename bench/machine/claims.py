"""Claims: who is measuring which cell of a run directory, among processes of one machine or of several.

A claim is a file that says who holds it and how far that is. Its owner writes it anew every ``BEAT`` seconds. It is
void as soon as its owner is known to be dead: a process of this machine that is gone, or an earlier start of the same
job of a cluster; and in any case after two minutes without a beat by the clock of the file system, so that clocks
of machines may differ.

Claims are taken and removed while ``filelock`` holds one lock for all of them, for milliseconds; the kernel or the file
server releases it when a process dies. Such a lock alone would not do for the cells themselves: between machines not
every file system releases it in time, a claim is also what people are shown, and it excludes other cells from what is
timed.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import filelock

from bench.errors import BenchError
from bench.machine.durations import duration
from bench.machine.holders import Holder, is_alive, this_process
from bench.machine.progress import STARTING

BEAT = 10.0
"""Seconds between two signs of life."""
PAUSE = 1.0
"""The least seconds between two signs of life."""
PATIENCE = 60.0
"""The longest that the lock of all claims is waited for, which others hold for milliseconds."""
SIZE = 4096
"""The least bytes of a claim's file, so that one that is read while it is written has its owner."""
SUFFIX = ".claim"
FOLDER = "claims"
"""The folder of claims in a run directory."""


class Claim:
    """A claim of this process, given up at the end of its context."""

    def __init__(self, claims: Claims, path: Path, descriptor: int, holder: Holder) -> None:
        self._claims, self._path, self._descriptor, self._holder = claims, path, descriptor, holder
        self._ended, self._news = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"claim of {path.stem}", daemon=True)
        self._thread.start()

    def report(self, phase: str, done: int, total: int) -> None:
        """Note how far the cell is, for the next sign of life; a new phase is one."""
        if phase != self._holder.phase:
            self._news.set()
        self._holder = replace(self._holder, phase=phase, done=done, total=total)

    def release(self) -> None:
        """Give the claim up; does nothing if it was given up before, or is another process's by now."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._news.set()
        self._thread.join()
        with suppress(OSError, BenchError), self._claims.guarded():
            if self._is_ours():
                self._path.unlink()
        os.close(self._descriptor)

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _is_ours(self) -> bool:
        """Whether the file at the path is still the one that this process made; others make new ones."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        return False

    def _beat(self) -> None:
        while not self._ended.wait(PAUSE):
            self._news.wait(BEAT)
            self._news.clear()
            # Written through the descriptor: of a claim that was taken away, this is a file without a name.
            with suppress(OSError):
                _write(self._descriptor, self._holder)


class Claims:
    """The claims of a folder, which is made when the first one is taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = filelock.FileLock(folder / ".lock", timeout=PATIENCE)

    @classmethod
    def of(cls, run: Path) -> Claims:
        """The claims of a run directory."""
        return cls(run / FOLDER)

    def take(self, name: str, units: Sequence[str] = (), device: str = "") -> Claim | Holder:
        """Claim a name, and the units that are timed.

        Returns:
            The claim, or who holds the name or one of the units.

        Raises:
            BenchError: the folder cannot be written to.
        """
        me = replace(
            this_process(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            units=tuple(units),
            device=device,
            phase=STARTING,
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.guarded():
                held = None
                for file, holder, idle in self._all():
                    if me.outlived(holder, idle):
                        file.unlink(missing_ok=True)
                    elif file.stem == name or (me.boot == holder.boot and {*units} & {*holder.units}):
                        held = holder if held is None or file.stem == name else held
                if held is not None:
                    return held
                path = self.folder / f"{name}{SUFFIX}"
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                _write(descriptor, me)
        except (OSError, NotImplementedError) as error:  # the latter of a file system without locks
            why = getattr(error, "strerror", None) or error
            raise BenchError(f"{self.folder}: {why}; choose another run directory with --out DIR") from error
        return Claim(self, path, descriptor, me)

    def holders(self) -> dict[str, Holder]:
        """Who holds what, by name; claims that are void are left out, and nothing is changed."""
        me = this_process()
        return {file.stem: holder for file, holder, idle in self._all() if not me.outlived(holder, idle)}

    def is_alive(self, process: Holder) -> bool:
        """Whether a process is known to be alive: this machine has it, or it holds a claim."""
        if this_process().sees(process):
            return is_alive(process)
        return any(
            (holder.host, holder.boot, holder.pid) == (process.host, process.boot, process.pid)
            for holder in self.holders().values()
        )

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A context that one process at a time is in."""
        try:
            with self._lock:
                yield
        except filelock.Timeout as error:
            raise BenchError(
                f"{self.folder / '.lock'}: held by another process for {duration(PATIENCE)}",
                "end that process, or remove the file if there is none",
            ) from error

    def _all(self) -> Iterable[tuple[Path, Holder, float]]:
        """The files of claims, their owners, and the seconds since their last signs of life."""
        files = sorted(self.folder.glob(f"*{SUFFIX}")) if self.folder.is_dir() else []
        now = self._now() if files else 0.0
        for file in files:
            with suppress(FileNotFoundError):
                yield file, _read(file), now - file.stat().st_mtime

    def _now(self) -> float:
        """The time by the clock that the file system stamps files with; this machine's if nothing may be written."""
        probe = self.folder / f".{secrets.token_hex(8)}.now"
        try:
            with probe.open("w"):
                return probe.stat().st_mtime
        except OSError:
            return time.time()
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)


def _write(descriptor: int, holder: Holder) -> None:
    """Write a claim over the one before."""
    text = json.dumps(asdict(holder)).encode().ljust(SIZE) + b"\n"
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))
    os.fsync(descriptor)


def _read(file: Path) -> Holder:
    """The owner of a claim; one without a name if the file does not say, as when its owner died while writing it."""
    try:
        fields = json.loads(file.read_bytes())
        return Holder(**{**fields, "units": tuple(fields["units"])})
    except (ValueError, TypeError, KeyError):
        return Holder(host="an unknown machine", boot="", namespace="", pid=0, born=0.0)
