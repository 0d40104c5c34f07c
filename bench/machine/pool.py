"""Processes for work that takes a processor a while, beside the model, which can be given the machine for itself."""

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
"""Tasks that may wait for each process; ``submit`` blocks beyond, so that memory does not grow with the data."""
GRACE = 10.0
"""Seconds that the processes have to end by themselves, and to take back what they registered with the system."""
NICE = 5
"""The model's own process goes first."""


class Pool:
    """``workers`` processes of one thread each.

    A task whose process dies (a crash in a C library) costs that task alone: its future raises, the process is
    replaced.

    The processes are forked, so that they have at once what this one has imported; a pool is therefore the first
    thing that a cell makes, before it has threads and a model.
    """

    def __init__(self, workers: int) -> None:
        self._pool = ProcessPool(workers, initializer=_start, context=multiprocessing.get_context("fork"))
        self._room = BoundedSemaphore(workers * WAITING_EACH)
        with warnings.catch_warnings():
            # Python 3.12 warns of forking beside threads. Those that there are, pebble's and the one that watches
            # for the run's end, hold no lock that the tasks take.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pool.schedule(os.getpid).result()

    def submit(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run a function of a module's top in one of the processes; blocks while too much is waiting."""
        self._room.acquire()
        future: Future[_T] = self._pool.schedule(function, args=list(args), kwargs=kwargs)
        future.add_done_callback(lambda _: self._room.release())
        return future

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the processes where they are, and let them go on after: nothing else runs while a model is timed."""
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
        """Let the processes finish what they are at, and end them; those that do not end within seconds are killed."""
        self._pool.close()
        with suppress(TimeoutError):
            self._pool.join(GRACE)
        self._pool.stop()
        self._pool.join()


def _start() -> None:
    """What a process of the pool does first: one thread, behind the model, gone with its parent."""
    join_parents_group()
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    torch.set_num_threads(1)
