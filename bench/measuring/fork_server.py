"""The process that cells are forked from: it imports what they share, once, while the run is still being planned.

Nothing here imports torch.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any

from bench.machine.weights import cache_dir

WARMED = "BENCH_WARMED"
"""Environment variable with the tasks whose modules the server imports: names and their protocol presets, as JSON."""
SHARED = ("bench.measuring.cell_process", "bench.measuring.warming")


def start(tasks: Sequence[tuple[str, str]]) -> None:
    """Start the server without waiting for it, so that it imports while this process does something else.

    Args:
        tasks: the tasks to be measured, each with the name or the path of its protocol preset.
    """
    os.environ[WARMED] = json.dumps([list(task) for task in tasks])
    try:
        context()
        forkserver.ensure_running()
    finally:
        del os.environ[WARMED]


def context(modules: Sequence[str] = ()) -> ForkServerContext:
    """The context that starts processes from the server.

    Args:
        modules: what the server imports besides if it has not been started.
    """
    # By default OpenMP's threads spin while they wait for each other. Beside another busy process that
    # made networks twenty times slower here, and it gained nothing otherwise.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # joblib, which librosa imports, would register a semaphore that a fork server cannot release.
    os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")
    # The fork server must import what this process did, not what lies in the working directory.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    os.environ["BENCH_CACHE"] = str(cache_dir().absolute())  # for cells, whose systems may change the directory
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([*SHARED, *modules])
    return made


def stop() -> None:
    """End the server at once, even while it imports, so that nobody waits for what it holds open; no-op if none runs.

    Processes that it started must have ended.
    """
    server: Any = forkserver._forkserver  # type: ignore[attr-defined] # there is no public way to it
    process = getattr(server, "_forkserver_pid", None)
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        server._stop()
