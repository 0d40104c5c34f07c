"""A cell that is killed goes on where it was, with the numbers of one that is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import SYSTEMS
from rich.console import Console

from bench.contracts.options import Options
from bench.contracts.results import Result, Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.machine.progress import CellProgress
from bench.machine.weights import WeightStore
from bench.measuring import runner

KILLS = 4
"""How often the cell is killed at random moments; ``BENCH_KILLS`` sets another number."""
MEASURED_ANEW = ("encode_images_per_second", "decode_images_per_second", "peak_memory")
PROTOCOL = """
description: features that are kept on disk, values of samples, and counts
metrics: {psnr: {}, ssim: {}, fd_efficientnet_lite0: {}, codebook: {}, bits_per_pixel_entropy: {}, throughput: {}}
"""


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that measures a system once, in a run directory of some name."""
    monkeypatch.chdir(tmp_path)
    Path("short.yaml").write_text(PROTOCOL)

    def measure(out: str, system: str, **options: Any) -> Result:
        run = Run(tmp_path / out)
        chosen = Options(protocol="short.yaml", batch_size=1, limit=16, keep=3, **options)
        plan = runner.plan(load_suite("image-recon"), [parse(system)], chosen, WeightStore({}, True), run)
        with CellProgress(1, Console(stderr=True)) as progress:
            (outcome,) = runner.execute(plan, run, progress)
        return outcome.result

    return measure


def values(result: Result) -> dict[str, Any]:
    """What two measurements of a system must agree in."""
    metrics = {name: each.model_dump() for name, each in result.metrics.items() if name not in MEASURED_ANEW}
    return {"metrics": metrics, "dataset": result.dataset, "kept": [each.id for each in result.kept]}


def test_killed_at_random_moments(measured, tmp_path):
    system = f"{SYSTEMS / 'killed.py'}:Killed"
    whole = measured("whole", f"{system}@name=once,kills=0")
    kills = int(os.environ.get("BENCH_KILLS", KILLS))
    done = [0]
    while (
        result := measured("killed", f"{system}@name=often,kills={kills}", checkpoint_every=0.001)
    ).status == "failed":
        assert "was killed by SIGKILL" in result.errors[0].message
        done += [int(file.read_text()) for file in (tmp_path / "killed").rglob("partial/*/last")]
    assert len((tmp_path / "often.txt").read_text().splitlines()) == kills + 1
    assert done == sorted(done)
    assert done[-1] > 0
    assert values(result) == values(whole)
    assert result.metrics["encode_images_per_second"].value
    assert not list((tmp_path / "killed").rglob("*partial*"))
