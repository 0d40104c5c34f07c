"""What happens on one rank alone does not leave the others waiting, and a cell uses its own GPU alone."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest
import torch

from bench.contracts.system import parse
from bench.contracts.tokens import Tokens
from bench.datasets.base import Sample
from bench.errors import BenchError
from bench.machine.memory import MemoryMeter
from bench.machine.ranks import Ranks
from bench.measuring.cell_process import _make_current
from bench.measuring.loop import HOPELESS, Loop, attempted
from bench.measuring.passing import Passing
from bench.measuring.seen import Seen
from bench.measuring.steps import Read, _ahead, _batched
from bench.metrics.base import Batch, Metric
from bench.metrics.guarded import Guarded, MetricSet
from bench.modalities.image.signal import ImageSignal


class Pair(Ranks):
    """One of two ranks, whose fellow has the same of everything; counts the exchanges."""

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.exchanges = 0

    def exchange(self, value: Any) -> list[Any]:
        self.exchanges += 1
        return [value, value]

    def collect(self, tensor: torch.Tensor, group: Any = None) -> list[torch.Tensor]:
        raise MemoryError("no room for those of the others")


class Quiet(Metric):
    def update(self, batch: Batch) -> None:
        self.remember(batch)

    def compute(self) -> dict[str, Any]:
        return {}


class Unfinished(Quiet):
    """What was left to others fails on this rank alone."""

    def finish(self) -> None:
        raise RuntimeError("its process died")


def test_a_metric_that_cannot_finish_fails_before_ranks_are_brought_together():
    unfinished = MetricSet([Guarded("unfinished", Unfinished, Unfinished)])
    ranks = Pair()
    unfinished.reduce(ranks)
    (member,) = unfinished
    assert member.nothing is not None
    assert "its process died" in str(member.nothing.unavailable)
    assert ranks.exchanges == 1  # in which the others learn of it


def test_one_that_fails_in_the_midst_of_it_fails_the_cell():
    quiet = MetricSet([Guarded("quiet", Quiet, Quiet)])
    with pytest.raises(BenchError, match=r"quiet: .*no room for those of the others"):
        quiet.reduce(Pair())


def test_the_gpu_of_a_cell_is_the_current_one(monkeypatch):
    """Also in the thread that makes batches: pinned memory would take some of the first GPU."""
    chosen: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        torch.cuda,
        "set_device",
        lambda device: chosen.append((str(device), threading.current_thread() is threading.main_thread())),
    )
    for device in ("cpu", "cuda", "cuda:1"):
        _make_current(device)
    assert list(_ahead(iter([1, 2]), torch.device("cuda:1"))) == [1, 2]
    assert chosen == [("cuda:1", True), ("cuda:1", False)]


def test_no_batch_comes_to_the_device_while_a_system_is_measured(monkeypatch):
    """Its memory would count as the system's, and its transfer into the time."""
    device, held = torch.device("cpu"), set[bool]()
    loop = Loop(ImageSignal(), device, 1, 0, 0, lambda *_: None)
    tokenizer = parse("jpeg@10").build()
    encode, collate = tokenizer.encode, loop.signals.collate

    def watched_encode(batch: torch.Tensor) -> Tokens:
        held.add(loop.transfers.locked())
        return encode(batch)

    def watched_collate(samples: list[Sample], device: torch.device) -> torch.Tensor:
        held.add(loop.transfers.locked())
        return collate(samples, device)

    monkeypatch.setattr(tokenizer, "encode", watched_encode)
    monkeypatch.setattr(loop.signals, "collate", watched_collate)
    sample = Sample("one", 0, torch.zeros(3, 16, 16, dtype=torch.uint8))
    batch = _batched([Read(0, sample, b"")], loop)
    Passing(tokenizer, loop, MemoryMeter(device), [], frozenset())(batch.signal, [sample], [0])
    assert held == {True}


def test_only_the_first_rank_gives_a_system_up():
    """Others have samples on which one process would have gone on, since the system succeeded before."""

    def fail(*_: Any) -> None:
        raise ValueError("not this one")

    def failed(rank: int) -> int:
        loop, seen = Loop(ImageSignal(), torch.device("cpu"), 1, 0, 0, lambda *_: None, ranks=Ranks(rank, 2)), Seen()
        dataset: Any = range(9)
        with suppress(ValueError):
            for index in range(5):
                sample = Sample(str(index), 0, torch.zeros(3, 8, 8))
                list(attempted([index], [sample], None, dataset, loop, seen, fail))
        return len(seen.failed)

    assert [failed(rank) for rank in (0, 1)] == [HOPELESS, 5]
