"""Several commands that write into one run directory at the same time."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from command import BENCH, command_environment
from places import SYSTEMS

from bench.contracts.results import Run
from bench.machine.claims import Claims

SECONDS = 200.0
"""The longest that something is waited for."""


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


def test_a_cell_that_another_command_measures_is_waited_for_and_taken_over_from_a_dead_one(bench, tmp_path):
    (tmp_path / "short.yaml").write_text("description: short\nmetrics: {psnr: {}}\n")
    command: list[Any] = [BENCH, "run", "--suite", "image-recon", "--protocol", "short.yaml", "--limit", "2"]
    command += [f"--system={SYSTEMS / 'waits.py'}:Held@until={tmp_path / 'go'}", "--system=jpeg@10"]
    command += ["--offline", "--no-mlflow", "--out", "out"]
    claims, environment = Claims.of(tmp_path / "out"), command_environment(tmp_path)
    logs = [tmp_path / name for name in ("first.log", "second.log", "third.log")]

    def start(log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as stream:
            return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=stream, stderr=stream)

    def states(code: int) -> list[str]:
        shown = bench("status", "out", "--format", "json", code=code).stdout
        return [state["state"] for state in sorted(json.loads(shown), key=lambda state: len(state["system"]))]

    commands = {process.pid: process for process in map(start, logs)}
    holder = until(lambda: next((one for one in claims.holders().values() if one.phase == "preparing"), None))
    assert {*states(3)} == {"queued", "running"}
    until(lambda: sum(f"waiting for process {holder.pid} " in log.read_text() for log in logs) == 2)
    psutil.Process(holder.pid).kill()
    commands.pop(holder.pid).wait()
    # The processor is free again, and whoever is the first has the first cell.
    until(lambda: any(one.pid in commands and one.phase == "preparing" for one in claims.holders().values()))
    (tmp_path / "go").touch()
    assert [process.wait(SECONDS) for process in commands.values()] == [0, 0]
    texts = "".join(log.read_text() for log in logs)
    assert texts.count("2 samples in") == 2
    assert texts.count("finished by another process, kept") == 2
    assert states(0) == ["done", "done"]
    assert [result.status for result in Run(tmp_path / "out").results()] == ["ok", "ok"]
    assert {file.name for file in claims.folder.iterdir()} <= {".lock"}
