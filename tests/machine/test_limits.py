"""A machine that is full says so in words, whichever part of the bench meets it first."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import BENCH, command_environment
from places import ROOT

RESULTS = ROOT / "leaderboards" / "image-recon"


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 * 2**29, 3 * 2**29))


def test_too_little_address_space_is_told_without_a_traceback(tmp_path: Path) -> None:
    command: list[Any] = [BENCH, "run", "--suite", "image-recon", "--system", "jpeg@5", "--no-mlflow"]
    done = subprocess.run(
        command, cwd=tmp_path, env=command_environment(tmp_path), preexec_fn=limited, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "out of memory; close other programs, or raise the limit" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("style", ["terminal", "json"])
def test_a_full_disk_is_told_without_a_traceback(style: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [BENCH, "leaderboard", RESULTS, "--format", style], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: No space left on device; free some, or choose another place"


def test_a_file_that_cannot_be_one_of_weights_is_named(tmp_path: Path) -> None:
    command: list[Any] = [
        BENCH,
        "run",
        "--suite",
        "image-recon",
        "--system",
        "jpeg@5",
        "--weights",
        "alexnet=/proc/self/maps",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=command_environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "/proc/self/maps: belongs to the system, and is not a stored file" in done.stderr.splitlines()[-1]
