"""Training-free tokenizers learn and code the same, bit by bit, whatever the number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import thread_hashes

PROGRAM = Path(thread_hashes.__file__)


@cache
def hashes() -> list[dict[str, dict[str, str]]]:
    """Of every system, from a process with one thread and from one with two."""
    running = [
        subprocess.Popen(
            [sys.executable, PROGRAM],
            env={**os.environ, "PYTHONPATH": str(PROGRAM.parent), "OMP_NUM_THREADS": threads},
            stdout=subprocess.PIPE,
        )
        for threads in ("1", "2")
    ]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    return [json.loads(output) for output in outputs]


@pytest.mark.parametrize("name", thread_hashes.ENTRIES)
def test_threads_and_batches_change_no_bit(name: str) -> None:
    one, two = (found[name] for found in hashes())
    assert one == two
    assert one["made"] == one["made alone"]
