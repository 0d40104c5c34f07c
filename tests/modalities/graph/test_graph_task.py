"""The task of link prediction on a small graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from graph_parts import path_graph, write_graph

from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Request, open_task
from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.learning import training
from bench.modalities.graph.tokenizers.codes import NodeId

SHORT = {"code_width": 8, "hidden": 16, "width": 8, "repeats": 2, "budget": {"steps": 30, "queries": 32}}


@pytest.fixture
def measure(tmp_path: Path, cache, one_thread) -> Callable[..., Measurement]:
    """Measure a tokenizer on the small graph, trained shortly."""
    data = str(write_graph(tmp_path / "graph"))
    task = open_task("graph-link-prediction")

    def measured(system: str, links=None, **options) -> Measurement:
        chosen = Options(**{"data": data, "workers": 0, **options})
        protocol = task.protocol(Request(("short", {"links": SHORT | (links or {})}), "graph-folder", chosen))
        return task.measure(Job(parse(system), protocol, chosen), lambda *_: None)

    return measured


def test_tokens_and_links_are_measured(measure):
    measurement = measure("nodepiece@4")
    metrics, samples = measurement.metrics, measurement.samples
    assert all(estimate.value is not None for name, estimate in metrics.items() if "joint" not in name)
    assert (metrics["link_mrr"].n, metrics["tokens_per_node"].value) == (12, 4 + 4 + 7)
    assert metrics["link_mrr"].interval
    assert "2 trainings" in metrics["link_mrr"].method
    assert sum(samples["link_mrr_total"]) / sum(samples["link_mrr_amount"]) == pytest.approx(metrics["link_mrr"].value)
    assert [book.size for book in measurement.codebooks] == [5, 4, 9]
    assert metrics["link_weights"].value == 8 * (5 + 4 + 9) + 8 * 15 * 16 + 16 + 16 * 8 + 8 + 8 * 8


def test_numbers_follow_from_the_seed_alone(measure):
    """Not from the batch size, nor from being interrupted; another seed has others."""
    first, batched = measure("nodepiece@4"), measure("nodepiece@4", batch_size=5)
    assert first.metrics == batched.metrics
    assert measure("nodepiece@4", seed=1).metrics["link_mrr"].value != first.metrics["link_mrr"].value


def test_an_interrupted_training_is_resumed(measure, monkeypatch, cache):
    whole = measure("node-id")
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    update = training._update
    steps: list[int] = []

    def killed(*arguments):
        if len(steps) == 45:  # in the middle of the second training
            steps.append(0)
            raise KeyboardInterrupt
        steps.append(1)
        update(*arguments)

    monkeypatch.setattr(training, "_update", killed)
    with pytest.raises(KeyboardInterrupt):
        measure("node-id")
    assert measure("node-id").metrics == whole.metrics
    assert len(steps) == 46 + 15
    assert not list((cache / "training").iterdir())


def test_few_nodes_are_asked_for_among_all(measure):
    few = measure("node-id", limit=5)
    assert few.samples["id"] == [f"n{node:02d}" for node in range(5)]
    assert (few.metrics["link_mrr"].n, few.metrics["bits_per_node"].value) == (5, pytest.approx(3.584962500721156))


def test_what_cannot_be_measured_says_why(measure, tmp_path, monkeypatch):
    path_graph(tmp_path / "path")  # its only query asks for n5, or for n1
    with pytest.raises(BenchError, match="no held-out triple"):
        measure("node-id", data=str(tmp_path / "path"), limit=1)
    monkeypatch.setattr(NodeId, "encode", lambda self, batch: Tokens(latents=torch.zeros(len(batch), 1, 2)))
    with pytest.raises(BenchError, match="not from continuous tokens"):
        measure("node-id")


def test_what_chance_cannot_miss_has_no_index(measure, tmp_path):
    """Of two nodes, the one that is not asked for is filtered, since training has it."""
    for part, triple in {"train": "a\tr\tb\n", "valid": "b\tr\ta\n", "test": "a\tr\ta\n"}.items():
        (tmp_path / f"{part}.txt").write_text(triple)
    metrics = measure("node-id", data=str(tmp_path)).metrics
    assert metrics["link_mrr"].value == 1
    for name in ("link_amri", "link_adjusted_mrr"):
        assert metrics[name].value is None
        assert "chance ranks it first" in metrics[name].lacking


def test_a_table_of_images_is_no_graph(measure):
    task = open_task("graph-link-prediction")
    with pytest.raises(BenchError, match="skimage-photos is a data set of image"):
        task.protocol(Request(("short", {}), "skimage-photos", replace(Options())))
