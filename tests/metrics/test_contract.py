"""Every metric of the registry against a trusted implementation and under the tester."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from metric_cases import CASES
from tester import (
    CHECKS,
    Known,
    Subject,
    across_ranks,
    assert_same,
    check_batching,
    remembering,
)

from bench import registry
from bench.contracts.stats import Estimate
from bench.metrics.base import Batch
from bench.modalities.audio.metrics import clips
from bench.modalities.image.metrics.pixel import PSNR

METRICS = [*CASES, *(name for name in registry.entries("metrics") if not CASES.keys() & {name, f"{name} pairs"})]


@pytest.fixture(scope="module", autouse=True)
def known() -> Iterator[Known]:
    """What the metrics of clips gave so far; each clip is scored once."""
    found: Known = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "score", remembering(clips.score, found))
        yield found


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """As many as the ranks have: with others a network's float32 sums differ in their last bit on some processors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def subjects(weight_files: dict[str, Path]) -> dict[str, Subject]:
    """Every metric of the registry that has a case."""
    known = registry.entries("metrics")
    return {
        name: Subject(registry.load(known[name.partition(" ")[0]].target), case, weight_files)
        for name, case in CASES.items()
    }


@pytest.fixture(scope="module")
def by_rank(
    subjects: dict[str, Subject], tmp_path_factory: pytest.TempPathFactory, known: Known
) -> list[dict[str, dict[str, Estimate]]]:
    for subject in subjects.values():
        subject.whole.compute()  # the ranks need not score the clips again
    return across_ranks(subjects, tmp_path_factory.mktemp("ranks"), known)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", METRICS)
def test_contract(name: str, check: Callable[[Subject], None], subjects: dict[str, Subject]) -> None:
    assert name in subjects, f"the metric {name} has no case: give it one with a trusted implementation's value"
    check(subjects[name])


@pytest.mark.parametrize("name", METRICS)
def test_ranks_agree_with_one_process(
    name: str, by_rank: list[dict[str, dict[str, Estimate]]], subjects: dict[str, Subject]
) -> None:
    for estimates in by_rank:
        assert_same(estimates[name], subjects[name].whole.compute(), CASES[name].batching)


class MeanOfBatchMeans(PSNR):
    """What several published evaluation scripts do."""

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {name: values.mean().expand_as(values) for name, values in super().score(batch).items()}


class OrderOfArrival(PSNR):
    """Samples as they came."""

    def order(self) -> np.ndarray:
        return np.arange(len(self.stacked("indices")))


class KeepsOutsideTheState(PSNR):
    """State that torchmetrics does not know: neither reset nor other ranks touch it."""

    seen = 0

    def compute(self) -> dict[str, Estimate]:
        self.seen += 1
        return {"psnr": super().compute()["psnr"].model_copy(update={"note": f"{self.seen}"})}


@pytest.mark.parametrize(
    ("kind", "check"),
    [(MeanOfBatchMeans, check_batching), (OrderOfArrival, check_batching), (KeepsOutsideTheState, CHECKS[2])],
)
def test_the_tester_finds(kind: type[PSNR], check: Callable[[Subject], None]) -> None:
    with pytest.raises(AssertionError):
        check(Subject(kind, CASES["psnr"]))


def test_states_are_joined_as_they_grow(subjects: dict[str, Subject]) -> None:
    """Thousands of small tensors keep the allocator from using the memory between them again."""
    subject = subjects["tokens_per_image"]
    metric = subject.after(batch for _ in range(10) for batch in subject.data.batches(1))
    assert {name for name, state in metric.metric_state.items() if isinstance(state, list) and len(state) > 32} == set()
    assert len(metric.stacked("indices")) == 10 * len(subject.data)
