"""Samples come in order, read ahead but not too far, and threads end with their reader."""

from __future__ import annotations

import threading
import time
from functools import cached_property

import pytest
import torch

from bench.datasets.base import BadSample, Dataset, Sample
from bench.datasets.loader import ordered
from bench.errors import BenchError
from bench.modalities.image.datasets.skimage_photos import SkimagePhotos


class Counting(Dataset):
    """Samples that say when they are read; the later ones of a pair are ready sooner."""

    name = "counting"

    def __init__(self, length: int = 40, broken: int | None = None) -> None:
        super().__init__({}, "all")
        self.length, self.broken = length, broken
        self.started: list[int] = []
        self.threads: set[int] = set()

    def __len__(self) -> int:
        return self.length

    def id(self, index: int) -> str:
        return f"sample-{index}"

    @cached_property
    def fingerprint(self) -> str:
        return "0" * 64

    def load(self, index: int) -> Sample:
        self.started.append(index)
        self.threads.add(threading.get_ident())
        time.sleep(0.004 if index % 2 == 0 else 0.001)
        if index == self.broken:
            raise ZeroDivisionError("broken")
        if index % 5 == 3:
            raise BadSample("every fifth is bad")
        return Sample(self.id(index), index, torch.tensor([index]))


@pytest.mark.parametrize("workers", [0, 1, 3, 8])
def test_in_order_whatever_the_workers(workers: int) -> None:
    dataset = Counting()
    found = list(ordered(dataset, workers, 6))
    assert [index for index, _ in found] == list(range(40))
    for index, sample in found:
        if index % 5 == 3:
            assert isinstance(sample, BadSample) and str(sample) == "every fifth is bad"
        else:
            assert isinstance(sample, Sample) and sample.signal.item() == index
    assert (threading.get_ident() in dataset.threads) == (workers == 0)
    assert len(dataset.threads) <= max(workers, 1)


@pytest.mark.parametrize("workers, prefetch", [(0, 5), (1, 1), (4, 5), (8, 3)])
def test_never_reads_further_ahead_than_told(workers: int, prefetch: int) -> None:
    dataset = Counting()
    ahead = []
    for index, _ in ordered(dataset, workers, prefetch):
        time.sleep(0.005)
        ahead.append(max(dataset.started) - index)
    assert (1 if workers else 0) <= max(ahead) <= (prefetch if workers else 0)


@pytest.mark.parametrize("workers", [0, 3])
def test_other_errors_propagate_and_name_the_sample(workers: int) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        list(ordered(Counting(broken=7), workers, 4))
    assert raised.value.__notes__ == ["while reading sample 'sample-7' of counting"]
    assert not _threads()


def test_threads_end_when_the_reader_stops() -> None:
    dataset = Counting(length=1000)
    reader = ordered(dataset, 3, 300)
    next(reader)
    assert _threads()
    reader.close()  # type: ignore[attr-defined]
    assert not _threads()
    assert len(dataset.started) < 100


@pytest.mark.parametrize("workers, prefetch", [(-1, 4), (2, 0)])
def test_wrong_numbers(workers: int, prefetch: int) -> None:
    with pytest.raises(BenchError, match="workers must be 0 or more, prefetch 1 or more"):
        ordered(Counting(), workers, prefetch)


def test_photographs_are_the_same_by_any_number_of_threads() -> None:
    expected = list(SkimagePhotos())
    for workers in (1, 4):
        for (_, sample), same in zip(ordered(SkimagePhotos(), workers, 8), expected, strict=True):
            assert isinstance(sample, Sample) and (sample.id, sample.group) == (same.id, same.group)
            assert torch.equal(sample.signal, same.signal)


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("bench-loader")]
