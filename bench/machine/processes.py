"""Processes that must not outlive those that they work for."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, parent_process
from typing import Any

import psutil

SECONDS_TO_DIE = 5.0
"""The longest that a killed process is waited for; one that is stuck in the kernel may not end."""
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER = 1, 36, 37  # of linux/prctl.h


def die_with_parent() -> None:
    """End this process when the one that asked for it ends, and its group with it if it leads one.

    To the operating system, the parent of a process of the fork server is the server, so the system cannot notify it.
    A leader is watched by a process of its group, since a thread does not run while a system's C code holds the
    interpreter's lock; that process is forked, so this must be called before there are threads.
    """
    parent = parent_process()
    if parent is None:
        return
    if os.getpgrp() == os.getpid():
        _guard(os.getpid())
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _guard(leader: int) -> None:
    """Fork a process that kills the group when the leader's parent has ended."""
    parent = parent_process()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        # Forked twice, it is not a child of the leader: a system that waits for all its children would wait for it.
        if os.fork() == 0:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if parent is not None:
                parent.join()
            os.killpg(leader, signal.SIGKILL)
    finally:
        os._exit(0)


def end_with_starter() -> None:
    """Have the operating system end this process when the one that started it as a program ends; on Linux only."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def lead_group() -> None:
    """Make this process the leader of a group that the processes it starts can join."""
    with suppress(OSError):
        os.setpgid(0, 0)


def join_parents_group() -> None:
    """Join the group of the process that asked for this one, so that ending the group ends this process too."""
    parent = parent_process()
    with suppress(OSError, TypeError):
        os.setpgid(0, parent.pid if parent else None)  # type: ignore[arg-type]


def end_group(leader: int | None) -> None:
    """Kill what is left of a process group, including stopped processes; never this process's own group."""
    with suppress(OSError):
        if leader is not None and leader != os.getpgrp():
            os.killpg(leader, signal.SIGKILL)


@contextmanager
def orphans_ended() -> Iterator[None]:
    """Within the context, adopt what processes below this one leave behind, in whatever group, and kill it at the end.

    On Linux only: there, orphans become children of this process instead of the system's first one.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    before = ctypes.c_int()
    prctl(_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    earlier = _strangers()
    try:
        yield
    finally:
        while left := _strangers() - earlier:  # an orphan may leave orphans itself
            for child in left:
                with suppress(psutil.Error):
                    child.kill()
            psutil.wait_procs(left, SECONDS_TO_DIE)
            earlier |= left
        prctl(_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


def _strangers() -> set[psutil.Process]:
    """The children of this process that are not of its group; those that it started itself are of it."""
    strangers = set()
    for child in psutil.Process().children():
        with suppress(OSError):
            if os.getpgid(child.pid) != os.getpgrp():
                strangers.add(child)
    return strangers


def let_go_of_the_fork_server() -> None:
    """Close the pipe by which this process could keep the fork server that started it alive.

    Python gives it to every process of the server, in case it starts processes of its own. Whatever is written into it
    ends the server, and with it all processes that it started.
    """
    if parent_process() is None:
        return  # it is the server's owner
    server: Any = forkserver._forkserver  # type: ignore[attr-defined] # there is no public way to it
    alive = getattr(server, "_forkserver_alive_fd", None)
    if alive is not None:
        server._forkserver_alive_fd = None
        os.close(alive)


def cause_of_death(code: int | None) -> str:
    """Why a cell's process ended before it wrote a result, from its exit code."""
    if code is not None and code < 0:
        name = next((member.name for member in signal.Signals if member == -code), f"signal {-code}")
        hint = "; it may have run out of memory: try a smaller --batch-size" if name == "SIGKILL" else ""
        return f"the cell's process was killed by {name}{hint}"
    return f"the cell's process ended with code {code} before it wrote a result"
