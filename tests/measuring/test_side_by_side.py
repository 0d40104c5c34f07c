"""Cells on several devices at the same time; processors stand for GPUs, but for what may be timed at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from places import SYSTEMS
from rich.console import Console

from bench.commands.narrowing import chosen_devices
from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.jobs.settings import Launch
from bench.machine import environment
from bench.machine.claims import Claims
from bench.machine.progress import CellProgress
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.measuring.queue import Queue, Taken, Waiting

WAITS = SYSTEMS / "waits.py"
TWO = ("cpu", "cpu:0")


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[runner.Plan, Run]]:
    """The plan of some systems on few images, and where its results belong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.yaml").write_text("description: short\nmetrics: {psnr: {}}\n")
    options, run = Options(protocol="short.yaml", limit=2, workers=0), Run(tmp_path / "out")

    def plan(*systems: str) -> tuple[runner.Plan, Run]:
        return runner.plan(load_suite("image-recon"), [*map(parse, systems)], options, WeightStore({}, True), run), run

    return plan


def test_cells_run_at_the_same_time_and_end_together(planned, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "timed_units", lambda device: (device,))
    pairs = ((tmp_path / "a", tmp_path / "b"), (tmp_path / "b", tmp_path / "a"))
    meeting = [f"{WAITS}:Meets@mine={mine},other={other}" for mine, other in pairs]
    plan, run = planned(*meeting, f"{WAITS}:EndsItsServer", f"{WAITS}:Held@until={tmp_path / 'never'}")
    with CellProgress(len(plan.cells), Console(stderr=True)) as progress:
        measured = runner.execute(plan, run, progress, devices=TWO)
        first, second, died = next(measured), next(measured), next(measured)
        measured.close()  # as an interruption does
    assert [outcome.result.status for outcome in (first, second, died)] == ["ok", "ok", "failed"]
    assert first.result.cost.device == second.result.cost.device == environment.device_name("cpu")
    assert died.result.errors[0].message.startswith("the process that serves cpu")
    assert Claims.of(run.path).holders() == {}
    children = psutil.Process().children(recursive=True)
    alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    assert not [child for child in alive if "spawn_main" in " ".join(child.cmdline())]


def test_what_is_timed_on_one_processor_runs_alone(planned):
    plan, run = planned("jpeg@10", "jpeg@5")
    ours, theirs = (Queue(plan.cells, run, False, TWO) for _ in range(2))
    assert [*ours.finished(), *theirs.finished()] == []
    first = ours.take("cpu")
    assert isinstance(first, Taken)
    for queue in (ours, theirs):
        waiting = queue.take("cpu:0")
        assert isinstance(waiting, Waiting)
        assert waiting.holder.pid == os.getpid()
    first.claim.release()
    second = theirs.take("cpu:0")
    assert isinstance(second, Taken)
    assert second.cell.key == first.cell.key
    assert second.cell.job.options.device == "cpu:0"
    second.claim.release()


@pytest.mark.parametrize(
    ("devices", "device", "launcher", "ranks", "message"),
    [
        ("cpu,cpu", "auto", "here", 1, "timed on a CPU"),
        ("0,0", "auto", "here", 1, "named twice"),
        ("0,1", "cuda", "here", 1, "give one of them"),
        ("0,1", "auto", "slurm", 1, "jobs measure one cell each"),
        ("0,1", "auto", "here", 2, "of several ranks each has a GPU"),
    ],
)
def test_devices_that_do_not_fit_are_rejected(devices, device, launcher, ranks, message):
    with pytest.raises(BenchError, match=message):
        chosen_devices(devices, device, Launch(launcher=launcher), ranks)


def test_each_rank_has_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [runner.resolve_device(device, 2) for device in ("auto", "cuda", "cpu")] == ["cuda", "cuda", "cpu"]
    for device in ("auto", "cuda"):
        with pytest.raises(BenchError, match="--ranks 3: each rank has a GPU, and torch sees 2"):
            runner.resolve_device(device, 3)


def test_devices_are_numbers_of_cuda_devices():
    assert chosen_devices("0, cuda:1", "auto", Launch()) == ["cuda:0", "cuda:1"]
    assert chosen_devices(None, "cpu", Launch()) == []
