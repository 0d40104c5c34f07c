"""Every set metric as an accelerator computes it, on the processor: the values of the processor's own way."""

from __future__ import annotations

import pytest
import torch
from generation_cases import GENERATION_CASES, SET_CASES, Generated
from tester import Data, photographs

from bench import registry
from bench.contracts.stats import Estimate
from bench.metrics.base import Metric
from bench.metrics.sets import engine, inception_score
from bench.metrics.sets.engine import Engine

ALL = {**SET_CASES, **GENERATION_CASES}
ROOM, NO_ROOM = (Engine(torch.device("cpu"), accelerated=True, room=room, tile=2000) for room in (1 << 30, 0))


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that twelve samples fill several of."""
    monkeypatch.setattr(engine, "CHUNK", {False: 512, True: 5})
    monkeypatch.setattr(engine, "WIDEST", 7)
    monkeypatch.setattr(inception_score, "CHUNK", 5)


def measured(name: str, samples: Generated | Data) -> dict[str, Estimate]:
    metric: Metric = registry.load(registry.get("metrics", name).target)(ALL[name].settings)
    for batch in samples.batches(4):
        metric.update(batch)
    return metric.compute()


def numbers(estimates: dict[str, Estimate]) -> dict[str, list[float]]:
    """Value, error and replicates of each."""
    return {name: [one.value, one.stderr, *(one.replicates or ())] for name, one in estimates.items()}


@pytest.mark.parametrize("accelerator", [ROOM, NO_ROOM], ids=["rows fit", "rows stay"])
@pytest.mark.parametrize("paired", [True, False], ids=["pairs", "a fixed set"])
@pytest.mark.parametrize("name", ALL)
def test_an_accelerator_computes_the_same(name, paired, accelerator, monkeypatch) -> None:
    if paired and name in GENERATION_CASES:
        pytest.skip("judges generated images alone")
    samples = photographs(64) if paired else Generated()
    usual = measured(name, samples)
    monkeypatch.setattr(Engine, "on", lambda device: accelerator)
    other = measured(name, samples)
    # Projections of patches are float32, whose products round differently for another number of directions.
    tolerance = 1e-6 if name in GENERATION_CASES else 1e-9
    for value, expected in numbers(usual).items():
        assert numbers(other)[value] == pytest.approx(expected, rel=tolerance, abs=1e-12), value
