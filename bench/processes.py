"""Processes that must not outlive those they work for."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from multiprocessing import parent_process


def die_with_parent() -> None:
    """End this process when the one that asked for it ends, and its group with it if it leads one.

    A process of the fork server has the server as its parent in the system's eyes, so the system cannot tell it.
    """
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            if os.getpgrp() == os.getpid():
                os.killpg(os.getpid(), signal.SIGKILL)
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def lead_group() -> None:
    """Make this process the leader of a group that its own processes can join."""
    with suppress(OSError):
        os.setpgid(0, 0)


def join_parents_group() -> None:
    """Join the group of the process that asked for this one: who ends that group ends this process, even stopped."""
    parent = parent_process()
    with suppress(OSError, TypeError):
        os.setpgid(0, parent.pid if parent else None)  # type: ignore[arg-type]


def end_group(leader: int | None) -> None:
    """Kill what is left of a group, the stopped ones included."""
    with suppress(OSError):
        if leader is not None and leader != os.getpgrp():
            os.killpg(leader, signal.SIGKILL)
