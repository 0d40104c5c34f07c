"""A cell that is killed goes on where it was, with the numbers of one that is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from places import SYSTEMS
from rich.console import Console

from bench.contracts.options import Options
from bench.contracts.results import Result, Run
from bench.contracts.suite import load_suite
from bench.contracts.system import SystemSpec, parse
from bench.contracts.task import Place, open_task
from bench.machine.progress import CellProgress
from bench.machine.ranks import ALONE
from bench.machine.resume import Resume
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.modalities.image.generation.samples import sample_specs
from bench.modalities.image.generation.sources import ArraySource

KILLS = int(os.environ.get("BENCH_KILLS", 2))
"""How often the cell is killed at random moments."""
IMAGES_EACH = 30
"""More images than the process measures between two kills, most of the time."""
MEASURED_ANEW = ("encode_images_per_second", "decode_images_per_second", "peak_memory")
PROTOCOL = """
description: features that are kept on disk, values of samples, and counts
preprocessing: {crop: none}
metrics: {psnr: {}, ssim: {}, fd_efficientnet_lite0: {}, codebook: {}, bits_per_pixel_entropy: {},
  throughput: {timed_batches: 4}}
"""


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that measures a system once, in a run directory of some name."""
    monkeypatch.chdir(tmp_path)
    Path("short.yaml").write_text(PROTOCOL)
    Path("images").mkdir()
    generator = np.random.default_rng(0)
    for number in range(IMAGES_EACH * (KILLS + 1)):
        coarse = generator.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((64, 64), Image.Resampling.BILINEAR).save(f"images/{number:04}.png")

    def measure(out: str, system: str, **options: Any) -> Result:
        run = Run(tmp_path / out)
        data: dict[str, Any] = {"dataset": "image-folder", "data": "images"}
        chosen = Options(protocol="short.yaml", batch_size=1, keep=3, **data, **options)
        plan = runner.plan(load_suite("image-recon"), [parse(system)], chosen, WeightStore({}, True), run)
        if not chosen.checkpoint_every:
            (run.partial_of(plan.cells[0].file) / "features").mkdir(parents=True)  # left by a command that was killed
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
    whole = measured("whole", f"{system}@name=once,kills=0", checkpoint_every=0)
    done = [0]
    while (
        result := measured("killed", f"{system}@name=often,kills={KILLS}", checkpoint_every=0.001)
    ).status == "failed":
        assert "was killed by SIGKILL" in result.errors[0].message
        done += [int(file.read_text()) for file in (tmp_path / "killed").rglob("partial/*/last")]
    assert len((tmp_path / "often.txt").read_text().splitlines()) == KILLS + 1
    assert done == sorted(done)
    assert done[-1] > 0
    assert values(result) == values(whole)
    assert result.metrics["encode_images_per_second"].value
    assert not list(tmp_path.rglob("*partial*"))


def test_generated_images_go_on_too(tmp_path, monkeypatch):
    """Another process would begin as this one does: with new metrics, and the reference's features in the cache."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name in ("samples", "reference"):
        np.savez(f"{name}.npz", arr_0=generator.integers(0, 256, (14, 64, 64, 3), np.uint8))
    Path("sets.yaml").write_text(
        "description: sets\nmetrics: {generation_fd_efficientnet_lite0: {}, "
        "sliced_wasserstein: {patches: 16, directions: 8}}\n"
    )
    options = Options(protocol="sets.yaml", dataset="reference.npz", data="reference.npz", batch_size=4)
    specs: list[SystemSpec] = [*sample_specs(("samples.npz",))]
    (cell,) = runner.plan(load_suite("image-gen"), specs, options, WeightStore({}, True), Run(tmp_path)).cells

    def measure(every: float) -> dict[str, Any]:
        resume = Resume(tmp_path / "partial", cell.key, every, dict)
        job = replace(cell.job, place=Place(ALONE, resume))
        return open_task(job.protocol.task).measure(job, lambda *_: None).metrics

    whole = measure(1e9)
    batches = ArraySource.batches

    def cut_off(*args: Any, **kwargs: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for number, batch in enumerate(batches(*args, **kwargs)):
            if number == 3:
                raise RuntimeError("cut off")
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(ArraySource, "batches", cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            measure(0.0)
    assert (tmp_path / "partial" / "last").read_text() == "3"
    (state,) = (tmp_path / "partial").glob("state-*")
    assert state.stat().st_size < 50_000  # without the patches of twelve images, 340 kB
    assert measure(1e9) == whole
