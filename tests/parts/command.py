"""The command line as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

BENCH = Path(sys.executable).with_name("bench")


def command_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a ``bench`` process: an empty cache, and one thread, since tests run in parallel."""
    return {**os.environ, "BENCH_CACHE": str(folder / "cache"), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


def run_bench(command: Path | Sequence[str], folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ``bench ARGS...`` in a folder with an empty cache, and returns the process."""

    def run(*args: object, code: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*([command] if isinstance(command, Path) else command), *map(str, args)],
            cwd=folder,
            env={**command_environment(folder), **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if code is not None:
            assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run
