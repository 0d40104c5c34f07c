"""Systems that do what they like with their process lose their own cell at most, and leave nothing running."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from command import BENCH, command_environment
from places import SYSTEMS
from rich.console import Console

from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.machine.progress import CellProgress
from bench.machine.weights import WeightStore
from bench.measuring import attempt, runner
from bench.measuring.outcomes import Outcome

UNRULY = SYSTEMS / "unruly.py"
GOOD = ("LeavesAChild", "ChildGoesOn", "ChangesDirectory", "WritesIntoPipes", "ClosesPipes")


@pytest.fixture
def short(tmp_path: Path) -> tuple[object, ...]:
    """Arguments of a run of few images and one metric."""
    (tmp_path / "short.yaml").write_text("description: short\nmetrics: {psnr: {}}\n")
    return ("run", "--suite", "image-recon", "--protocol", "short.yaml", "--limit", 2, "--offline", "--no-mlflow")


def gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_each_gets_its_result_and_leaves_nothing_running(bench, short, tmp_path):
    for file in ("unruly.py", "broken.py"):  # named by relative paths
        shutil.copy(SYSTEMS / file, tmp_path)
    names = [*GOOD, f"LeavesADaemon@note={tmp_path / 'daemon'}", "Mean", "Unencodable"]
    done = bench(*short, "--out", "out", *(f"--system=unruly.py:{name}" for name in names), code=4)
    results = {result.system.name.rpartition(":")[2]: result for result in Run(tmp_path / "out").results()}
    assert results.keys() == set(names)
    for name in names[:-1]:
        assert results[name].status == "ok", (results[name].errors, done.stderr)
        assert results[name].metrics["psnr"].value == results["Mean"].metrics["psnr"].value
    assert r"no such file: \udcff.png" in results["Unencodable"].errors[0].message
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert gone(int((tmp_path / "daemon").read_text()))


def test_the_end_of_the_run_ends_a_cell_that_holds_the_interpreters_lock(short, tmp_path):
    note = tmp_path / "held"
    command: list[Any] = [BENCH, *map(str, short), f"--system={UNRULY}:HoldsTheLock@note={note}"]
    run = subprocess.Popen(command, cwd=tmp_path, env=command_environment(tmp_path), stderr=subprocess.DEVNULL)
    while not (note.exists() and note.read_text()):
        assert run.poll() is None
        time.sleep(0.05)
    assert not gone(int(note.read_text()), 1)
    run.kill()
    run.wait()
    assert gone(int(note.read_text()))


def measured(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, timeout: float | None) -> Outcome:
    monkeypatch.chdir(folder)
    suite, run = load_suite("image-recon"), Run(folder / "out")
    options = Options(protocol="short.yaml", limit=2, workers=0)
    plan = runner.plan(suite, [parse(f"{UNRULY}:{name}")], options, WeightStore({}, True), run)
    with CellProgress(1, Console(stderr=True)) as progress:
        (outcome,) = runner.execute(plan, run, progress, timeout=timeout)
    return outcome


def test_a_clock_that_is_set_back_costs_no_result(short, tmp_path, monkeypatch):
    class Earlier(datetime):
        """The clock before it was set back: the cell's process starts an hour before its runner."""

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=1)

    monkeypatch.setattr(attempt, "datetime", Earlier)
    assert attempt.datetime.now(UTC) > datetime.now(UTC) + timedelta(minutes=59)  # type: ignore[attr-defined]
    assert measured(tmp_path, "Mean", monkeypatch, None).result.status == "ok"


def test_a_cell_may_take_so_long_and_no_longer(short, tmp_path, monkeypatch):
    outcome = measured(tmp_path, f"HoldsTheLock@note={tmp_path / 'held'}", monkeypatch, 1)
    (error,) = outcome.result.errors
    assert error.type == "TimedOut"
    assert "not measured within 1 s, the --timeout; it was at: " in error.message
    assert not multiprocessing.active_children()
