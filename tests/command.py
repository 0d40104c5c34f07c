"""The command as users run it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

BENCH = Path(sys.executable).with_name("bench")
SYSTEMS = Path(__file__).parent / "systems"


def command_environment(folder: Path) -> dict[str, str]:
    """Of a ``bench`` process: an empty cache; one thread, since tests run beside each other."""
    return {**os.environ, "BENCH_CACHE": str(folder / "cache"), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
