"""A cell of several ranks has the numbers of one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import command_environment
from places import SYSTEMS
from rich.console import Console

from bench.contracts.options import Options
from bench.contracts.results import Result, Run
from bench.contracts.suite import load_suite
from bench.contracts.system import SystemSpec, parse
from bench.contracts.task import Measurement, open_task
from bench.machine.progress import CellProgress
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.modalities.image.generation.samples import sample_specs

PROTOCOL = """
description: features that are kept on disk, values of samples, and counts
metrics: {psnr: {}, fd_efficientnet_lite0: {}, codebook: {}, bits_per_pixel_entropy: {}, throughput: {}}
"""
SPEEDS = ("images_per_second", "peak_memory")


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result | Measurement]]:
    """A function that measures a system with some number of ranks."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    Path("short.yaml").write_text(PROTOCOL)

    def measure(system: str, ranks: int, suite: str = "image-recon", **options: Any) -> Result | Measurement:
        monkeypatch.setenv("BENCH_CACHE", str(tmp_path / f"cache{ranks}"))
        run = Run(tmp_path / f"out{ranks}")
        chosen = Options(**{"protocol": "short.yaml", "keep": 3, "ranks": ranks, "batch_size": 4, **options})
        systems: list[SystemSpec] = [*sample_specs((system,))] if system.endswith(".npz") else [parse(system)]
        plan = runner.plan(load_suite(suite), systems, chosen, WeightStore({}, True), run)
        if ranks == 1:  # here, with as many threads as a rank has
            torch.set_num_threads(1)
            job = plan.cells[0].job
            return open_task(job.protocol.task).measure(job, lambda *_: None)
        with CellProgress(1, Console(stderr=True)) as progress:
            (outcome,) = runner.execute(plan, run, progress)
        return outcome.result

    yield measure
    torch.set_num_threads(threads)


def test_the_same_numbers(measured):
    """29 images in 8 batches, of which the last one is not full: two or three ranks do not share them equally."""
    one = measured("klt-vq@8", 1)
    for ranks in (2, 3):
        several = measured("klt-vq@8", ranks)
        assert several.status == "ok", several.errors
        assert several.dataset == one.dataset
        for name, expected in one.metrics.items():
            if not name.endswith(SPEEDS):
                found = several.metrics[name]
                assert (found.n, found.method) == (expected.n, expected.method), name
                assert found.value == pytest.approx(expected.value, rel=1e-9), name
                assert found.stderr == pytest.approx(expected.stderr, rel=1e-9), name
        rates = [several.metrics[f"encode_images_per_second_rank_{rank}"].value for rank in range(ranks)]
        assert several.metrics["encode_images_per_second"].value == pytest.approx(sum(rates))


def test_the_same_distances_of_generated_images(measured, tmp_path):
    """30 images in 8 batches; two of them are equal, and seen by different ranks."""
    generator = np.random.default_rng(0)
    for name in ("samples", "reference"):
        images = generator.integers(0, 256, (30, 64, 64, 3), np.uint8)
        images[20] = images[2]
        np.savez(tmp_path / f"{name}.npz", arr_0=images)
    metrics = "{generation_fd_efficientnet_lite0: {}, sliced_wasserstein: {patches: 16, directions: 8}}"
    Path("sets.yaml").write_text(f"description: sets\nmetrics: {metrics}\n")
    chosen = {"suite": "image-gen", "protocol": "sets.yaml", "dataset": "reference.npz", "data": "reference.npz"}
    one, several = (measured("samples.npz", ranks, **chosen) for ranks in (1, 3))
    assert several.status == "ok", several.errors
    assert (several.dataset, several.warnings) == (one.dataset, one.warnings)
    assert several.warnings
    for name, expected in one.metrics.items():
        assert expected.value is not None
        assert several.metrics[name].value == pytest.approx(expected.value, rel=1e-9), name
        assert several.metrics[name].stderr == pytest.approx(expected.stderr, rel=1e-9), name


def test_a_rank_without_samples(measured):
    one, several = (measured("klt-vq@8", ranks, limit=8) for ranks in (1, 4))
    assert several.status == "ok", several.errors
    assert several.metrics["psnr"].value == pytest.approx(one.metrics["psnr"].value, rel=1e-12)
    assert "encode_images_per_second_rank_3" not in several.metrics


@pytest.mark.parametrize(("how", "told"), [("killed", "was killed by SIGKILL"), ("raises", "the third rank raises")])
def test_a_rank_that_ends_before_its_time_ends_the_cell(measured, how, told):
    result = measured(f"{SYSTEMS / 'lost_rank.py'}:LostRank@how={how}", 3)
    assert result.status == "failed"
    assert told in result.errors[0].message
    assert result.errors[0].message.startswith("rank 2: ")


def test_torchrun_starts_the_ranks(tmp_path):
    """Two runners, of which the second follows the first."""
    (tmp_path / "short.yaml").write_text("description: short\nmetrics: {psnr: {}, throughput: {}}\n")
    options = (
        "--suite",
        "image-recon",
        "--limit",
        "6",
        "--batch-size",
        "2",
        "--system",
        "jpeg@5",
        "--system",
        "jpeg@10",
    )
    command = ("-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "bench", "run", *options)
    environment = command_environment(tmp_path)
    done = subprocess.run(
        [sys.executable, *command, "--protocol", "short.yaml", "--no-mlflow", "--out", "out"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for result in Run(tmp_path / "out").results():
        assert (result.status, result.dataset.n) == ("ok", 6)
        assert {f"decode_images_per_second_rank_{rank}" for rank in range(2)} <= result.metrics.keys()
        assert "2 processes" in result.cost.device
    assert done.stdout.count("jpeg@10") == 1
