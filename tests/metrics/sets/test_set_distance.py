"""A set metric that is one class and one line is measured by both judges, with an error that fits each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from energy import ENTRY, Energy
from feature_parts import given
from generation_cases import GivenReferences
from places import SYSTEMS
from scipy.stats import energy_distance

from bench import registry
from bench.contracts.options import Options
from bench.contracts.stats import Estimate, block_jackknife
from bench.contracts.system import SystemSpec, parse
from bench.contracts.task import Job, Request, open_task
from bench.leaderboard.names import heading
from bench.machine.weights import WeightStore
from bench.modalities.image.generation.samples import sample_specs

GROUPS = np.repeat(np.arange(4), 3)


def trusted(samples: np.ndarray, references: np.ndarray) -> float:
    return float(energy_distance(samples[:, 0], references[:, 0])) ** 2


def measured(samples: np.ndarray, references: np.ndarray, paired: bool) -> Estimate:
    x, y = (torch.from_numpy(side).float() for side in (samples, references))
    metric = Energy()
    for index in torch.arange(len(x)).split(5):
        batch = given(index, y if paired else x, x, torch.from_numpy(GROUPS[: len(x)]))
        batch.references = None if paired else GivenReferences(y)
        metric.update(batch)
    return metric.compute()["energy"]


@pytest.mark.parametrize(("paired", "m"), [(True, 12), (False, 12), (False, 7)])
def test_a_block_is_left_out_of_pairs_or_of_the_samples_alone(paired: bool, m: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 1)).astype(np.float32), rng.normal(1, 2, size=(m, 1)).astype(np.float32)
    found = measured(x, y, paired)

    def without(block: int) -> float:
        keep = block != GROUPS
        return trusted(x[keep], y[keep] if paired else y)

    expected = block_jackknife(trusted(x, y), np.bincount(GROUPS), without)
    assert (found.value, found.stderr) == pytest.approx((expected.value, expected.stderr), rel=1e-6)
    assert ("the references being fixed" in found.method) != paired


@pytest.mark.parametrize(("n", "m"), [(1, 5), (5, 1)])
def test_too_few_say_so(n: int, m: int) -> None:
    found = measured(np.zeros((n, 1)), np.zeros((m, 1)), paired=False)
    assert found.unavailable == f"it needs at least 2 samples and references; there are {n} and {m}"


def measured_by(name: str, tmp_path: Path) -> Estimate:
    """What a task finds of the metric as it is registered."""
    task, weights = open_task(name), WeightStore({}, offline=True)
    settings: dict[str, Any] = {"metrics": {"energy": {}}}
    system: SystemSpec
    if name == "image-recon":
        system, dataset = parse(f"{SYSTEMS}/broken.py:Mean"), "skimage-photos"
        options = Options(limit=4, batch_size=2, workers=0)
        settings["preprocessing"] = {"size": 64}
    else:
        images = np.random.default_rng(0).integers(0, 256, (2, 6, 32, 32, 3), dtype=np.uint8)
        for side, part in zip(("real", "fake"), images, strict=True):
            np.savez(tmp_path / f"{side}.npz", part)
        (system,), dataset = sample_specs((str(tmp_path / "fake.npz"),)), "real.npz"
        options = Options(data=str(tmp_path / "real.npz"), batch_size=2, workers=0)
    protocol = task.for_system(task.protocol(Request(("own", settings), dataset, options)), system)
    job = Job(system, protocol, options, weights.resolve(protocol.weights))
    return task.measure(job, lambda *_: None).metrics["energy"]


@pytest.mark.parametrize("name", ["image-recon", "image-generation"])
def test_both_judges_measure_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.entries("metrics"), "energy", ENTRY)
    monkeypatch.setattr(registry, "values", registry.values.__wrapped__)
    found = measured_by(name, tmp_path)
    assert found.value is not None and found.value > 0, found.unavailable
    assert heading("energy").title == "Energy"
