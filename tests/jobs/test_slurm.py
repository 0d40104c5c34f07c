"""Cells as jobs of a real Slurm on this machine, from Debian's packages; only with BENCH_SLURM=required."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import BENCH, run_bench
from local_slurm import lacking, local_slurm
from places import SYSTEMS

from bench.contracts.results import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("BENCH_SLURM") != "required", reason="minutes; tox -e cluster runs them"),
]
QUICK = ("run", "--suite", "image-recon", "--protocol", "short.yaml", "--limit", 4, "--offline", "--no-mlflow")
JOBS = ("--launcher", "slurm", "--slurm-partition", "main", "--slurm-cpus", 1, "--out", "out")
SECONDS = 300.0
"""The longest that a state is waited for."""
Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    assert not lacking(), "apt-get install slurmctld slurmd slurm-client munge"
    with local_slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture
def cluster(slurm: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Run ``bench ARGS...`` where that Slurm is found."""
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "short.yaml").write_text("description: short\nmetrics: {psnr: {}}\n")
    return run_bench(BENCH, tmp_path)


def states(bench: Bench) -> dict[str, dict[str, str]]:
    """The states that ``bench status`` shows, by the names of systems without their files."""
    shown = json.loads(bench("status", "out", "--format", "json", code=None).stdout)
    return {state["system"].rpartition(":")[2]: state for state in shown}


def await_state(bench: Bench, system: str, **wanted: str) -> dict[str, str]:
    """The state of a system once its fields have these values."""
    deadline = time.monotonic() + SECONDS
    while not wanted.items() <= (state := states(bench)[system]).items():
        assert time.monotonic() < deadline, state
        time.sleep(0.5)
    return state


def control(*command: str) -> None:
    subprocess.run(command, check=True)


def test_jobs_measure_what_is_measured_here(cluster: Bench, tmp_path: Path) -> None:
    systems = [f"--system={SYSTEMS / 'broken.py'}:{name}" for name in ("Mean", "Raises")]
    waited = cluster(*QUICK, *systems, *JOBS, "--wait", "--format", "csv", code=4)
    assert "CUDA out of memory, say" in waited.stderr
    assert "Mean" in waited.stdout
    cluster(*QUICK, systems[0], "--out", "here")
    by_job, here = (
        next(result for result in Run(tmp_path / folder).results() if result.status == "ok")
        for folder in ("out", "here")
    )
    assert by_job.key == here.key
    assert by_job.metrics["psnr"] == here.metrics["psnr"]
    assert "failed" in cluster("status", "out", code=4).stdout
    assert "1 failed" in cluster("leaderboard", "out").stdout + cluster("status", "out", code=4).stdout
    again = cluster(*QUICK, *systems, *JOBS)
    assert "1 finished before" in again.stderr
    assert again.stderr.count("job ") == 1


def test_a_job_that_is_preempted_or_requeued_is_run_again(cluster: Bench, tmp_path: Path) -> None:
    system = f"Held@until={tmp_path / 'go'}"
    cluster(*QUICK, f"--system={SYSTEMS / 'waits.py'}:{system}", *JOBS)
    job = states(cluster)[system]["job"]
    for end in (("scancel", "--signal=USR2", job), ("scontrol", "requeue", job)):
        await_state(cluster, system, state="running", detail="preparing")
        control(*end)
        await_state(cluster, system, state="queued")
        control("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm would wait for two minutes
    (tmp_path / "go").touch()
    assert await_state(cluster, system, state="done")["job"] == job
    assert cluster("status", "out").stdout.startswith("done")
    assert not list((tmp_path / "out" / "claims").glob("*.claim"))


def test_a_cancelled_job_is_shown_as_such(cluster: Bench) -> None:
    command = (*QUICK, "--system=jpeg@10", *JOBS, "--slurm-option", "begin=now+1hour")
    cluster(*command)
    queued = await_state(cluster, "jpeg@10", state="queued")
    assert queued["detail"] == "BeginTime"
    assert "queued" in cluster("status", "out", code=3).stdout
    assert "1 have jobs already" in cluster(*command).stderr
    control("scancel", queued["job"])
    await_state(cluster, "jpeg@10", state="cancelled")
    cluster("status", "out", code=4)
