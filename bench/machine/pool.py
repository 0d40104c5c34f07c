"""A pool of processes for long computations beside the model, which can be paused while the model is timed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

import torch
from pebble import ProcessPool

from bench.machine.processes import die_with_parent, join_parents_group

_P = ParamSpec("_P")
_T = TypeVar("_T")

WAITING_EACH = 32
"""Tasks per process that may wait; then ``submit`` blocks, so that memory does not grow with the data."""
GRACE = 10.0
"""Seconds that the processes have to end by themselves, and to release what they registered with the system."""
NICE = 5
"""The niceness of the processes, so that the model's own process goes first."""


class Pool:
    """``workers`` processes of one thread each.

    A process that dies (a crash in a C library) costs only its task: the task's future raises, and the process is
    replaced.

    The processes are forked, so that they start with what this one has imported; a pool is therefore the first
    thing that a cell makes, before it has threads and a model.

    Args:
        workers: the number of processes.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ProcessPool(workers, initializer=_start, context=multiprocessing.get_context("fork"))
        self._room = BoundedSemaphore(workers * WAITING_EACH)
        with warnings.catch_warnings():
            # Python 3.12 warns about forking beside threads. The existing ones, pebble's and the one that watches
            # for the run's end, hold no lock that the tasks take.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pool.schedule(os.getpid).result()

    def submit(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run a module-level function in one of the processes; blocks while too many tasks are waiting."""
        self._room.acquire()
        future: Future[_T] = self._pool.schedule(function, args=list(args), kwargs=kwargs)
        future.add_done_callback(lambda _: self._room.release())
        return future

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the processes within the context, so that nothing else runs while a model is timed."""
        stopped = [child.pid for child in multiprocessing.active_children() if child.pid is not None]
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """Let the processes finish their tasks and end; those that do not end within ``GRACE`` seconds are killed."""
        self._pool.close()
        with suppress(TimeoutError):
            self._pool.join(GRACE)
        self._pool.stop()
        self._pool.join()


def _start() -> None:
    """Set up a process of the pool: one thread, lower priority than the model, ends with its parent."""
    join_parents_group()
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    torch.set_num_threads(1)
