"""The benchmarks of the audio metrics run and report what they measured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import command_environment
from places import ROOT

SCRIPT = ROOT / "benchmarks" / "audio_metrics.py"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("pool", (r"values, equal in all: pesq_wb \d", r"pool, started and ended +\d", "cpu, pool to")),
        pytest.param(
            "files", ("2 files", r"bench run +wall \d", "not compared with codecscope"), marks=pytest.mark.slow
        ),
    ],
)
def test_it_says_what_it_measured(command: str, said: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, command, "--utterances", "2", "--rounds", "1"],
        env={**command_environment(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    for pattern in said:
        assert re.search(pattern, done.stdout), done.stdout
