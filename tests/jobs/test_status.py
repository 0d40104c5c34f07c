"""What is shown of cells from what a run directory has: results, claims, jobs and how they ended."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from gate_parts import mean_of, values, write

from bench.commands.narrowing import only_for
from bench.commands.status import print_status
from bench.contracts.last_command import FILE, LastCommand
from bench.contracts.results import Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.jobs.records import Ending, JobRecord, Records
from bench.jobs.settings import Launch, further_options
from bench.jobs.status import CellState, states_in
from bench.jobs.submission import command_for
from bench.machine.claims import Claim, Claims
from bench.machine.holders import this_process

DONE: dict[str, Any] = {"metrics": {"psnr": mean_of(values(), "psnr")}, "samples": {"psnr": values()}}
NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a result of ``good`` and one of ``bad``, which failed."""
    write(tmp_path, "good", **DONE)
    write(tmp_path, "bad", error="boom")
    return Run(tmp_path)


def asked(run: Run, *pending: str, process: dict[str, object] | None = None) -> None:
    """Say that a command has just asked for the cells that have results, and for one that has none."""
    files = [*run.files(), run.folder / "new--image-recon--0.json"]
    names = [file.name for file in files if file.name.partition("--")[0] in pending]
    LastCommand.of({}, files, systems={files[-1].name: "new@1"}, pending=names, process=process).save(run.path)
    later = max(file.stat().st_mtime for file in run.files()) + 1
    os.utime(run.path / FILE, (later, later))


def states(run: Run) -> dict[str, CellState]:
    return {state.system: state for state in states_in(run)}


def test_results_are_done_or_failed_unless_the_command_is_to_measure_them_again(run: Run) -> None:
    assert {name: state.state for name, state in states(run).items()} == {"good": "done", "bad": "failed"}
    asked(run, "bad", "new")
    assert {name: state.state for name, state in states(run).items()} == {
        "good": "done",
        "bad": "missing",
        "new@1": "missing",
    }
    assert print_status(run.path, "json") == 3
    os.utime(next(file for file in run.files() if file.name.startswith("bad")))
    (run.path / FILE).touch()
    asked(run, "new")
    assert states(run)["bad"].detail == "boom"
    assert print_status(run.path, "terminal") == 4


def test_what_the_command_has_not_come_to_is_queued_while_it_lives(run: Run) -> None:
    me = this_process()
    asked(run, "new", process=asdict(me))
    assert states(run)["new@1"].state == "queued"
    asked(run, "new", process=asdict(replace(me, born=0.0)))
    assert states(run)["new@1"].state == "missing"
    claim = Claims.of(run.path).take("new--image-recon--0", device="cuda:1")
    assert isinstance(claim, Claim)
    with claim:
        state = states(run)["new@1"]
    assert (state.state, state.where) == ("running", f"{me.host} (cuda:1)")


@pytest.mark.parametrize(
    ("code", "reason", "state", "detail"),
    [
        (2, "no such file", "failed", "no such file"),
        (-signal.SIGKILL, "", "failed", "its process was killed by SIGKILL"),
        (128 + signal.SIGTERM, "interrupted", "cancelled", ""),
        (None, "", "missing", "job 1 ended without a result"),
    ],
)
def test_a_job_without_a_result_says_why(run: Run, code: int | None, reason: str, state: str, detail: str) -> None:
    asked(run, "new")
    records, name = Records(run.path), "new--image-recon--0"
    records.save(name, JobRecord(job="1", launcher="local", host="elsewhere", submitted=NOW, log="log"))
    if code is not None:
        records.end(name, Ending(job="1", ended=NOW, code=code, reason=reason))
    shown = states(run)["new@1"]
    assert (shown.state, shown.job) == (state, "1")
    assert shown.detail.startswith(detail)
    records.begin(name)
    assert records.ending(name) is None


def test_a_queue_that_does_not_answer_leaves_the_state_open(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(run, "new")
    record = JobRecord(job="1", launcher="slurm", host="elsewhere", submitted=NOW, log="log")
    Records(run.path).save("new--image-recon--0", record)
    monkeypatch.setenv("PATH", "")
    state = states(run)["new@1"]
    assert (state.state, state.is_final) == ("unknown", False)
    assert "squeue is not here" in state.detail


def test_a_job_runs_the_command_of_the_user_for_its_cell() -> None:
    given = {"suite": "image-recon", "system": ("a", "b"), "offline": True, "launcher": "slurm", "out": "x"}
    command = command_for({**given, "slurm-partition": "main"}, Run(Path("/run")), Path("/run/results/a--1.json"))
    assert command[1:] == [
        *("-P", "-m", "bench", "run", "--out=/run", "--cell=a--1.json", "--no-mlflow"),
        *("--suite=image-recon", "--system=a", "--system=b", "--offline"),
    ]


def test_a_job_plans_nothing_but_its_cell() -> None:
    suite = load_suite("image-recon")
    systems = [parse(text) for text in ("jpeg@10", "jpeg@1", "klt-vq")]
    _, chosen = only_for("jpeg@1--image-recon--0123456789.json", suite, systems)
    assert [system.text for system in chosen] == ["jpeg@1"]
    with pytest.raises(BenchError, match="not a cell of this command"):
        only_for("jpeg@2--image-recon--0123456789.json", suite, systems)


def test_options_of_sbatch_are_passed_on() -> None:
    launch = Launch("slurm", partition="main", cpus=4, further=further_options(("constraint=h100", "--exclusive")))
    parameters = launch.slurm_parameters("bench x")
    assert parameters["additional_parameters"] == {"requeue": True, "constraint": "h100", "exclusive": True}
    assert (parameters["cpus_per_task"], parameters["srun_args"]) == (4, ["--cpus-per-task=4"])
    assert "gpus_per_node" not in parameters
    with pytest.raises(BenchError, match="write an option of sbatch"):
        further_options(("=1",))
