"""The process that talks to MLflow for ``bench run`` and ``bench sync``: ``python -m bench.tracking.child``.

MLflow's client reads the answers of a server into memory, whatever their size. Here that memory is limited, and the
parent can end the process at any moment. Orders come as lines of JSON on stdin, answers go to stdout.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bench.contracts.results import Run, read_result
from bench.errors import BenchError
from bench.machine.processes import end_with_starter
from bench.tracking.client import subdued
from bench.tracking.exporter import Exporter
from bench.tracking.sync import sync

MOST_WRITTEN = 1 << 30
"""The most bytes of a file that may be written, such as the copies of artifacts that a server sends."""


def main() -> None:
    """Serve orders until stdin ends."""
    end_with_starter()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is not an answer
    exporter: Exporter | None = None

    def answer(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        number, what = order["number"], order["what"]
        if what == "limit":
            with suppress(Exception), subdued():  # imports mlflow; if that fails, the first export reports it
                pass
            _limit(order["room"], order["remote"])
            answer(number=number)
        elif what == "sync":
            try:
                report = sync(Run(Path(order["run"])), order["uri"], partial(answer, number=number, moved=True))
                answer(number=number, report=asdict(report))
            except BenchError as error:
                answer(number=number, error=str(error))
        else:
            exporter = exporter or Exporter(Run(Path(order["run"])), order["suite"], order["uri"], order["seconds"])
            unread: dict[str, str] = {}
            if what == "close":
                exporter.close(order["status"])
            else:
                file = Path(order["file"])
                try:
                    exporter.export(file, read_result(file))
                except BenchError as error:
                    unread[file.name] = str(error)
            problem = exporter.problem or next(iter(unread.values()), None)
            answer(number=number, pending=[*exporter.pending, *unread], problem=problem)
    os._exit(0)  # without waiting for a thread that still waits for a server


def _limit(room: int, remote: bool) -> None:
    """Limit this process to ``room`` more bytes of memory, and if ``remote``, the size of the files it writes."""
    if not sys.platform.startswith("linux"):
        return  # elsewhere the first limit does nothing
    import resource

    import psutil

    limits = {resource.RLIMIT_AS: psutil.Process().memory_info().vms + room}
    if remote:
        limits[resource.RLIMIT_FSIZE] = MOST_WRITTEN
    for which, most in limits.items():
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
