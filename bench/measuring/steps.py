"""The samples of a data set, read ahead, in the steps of a cell, after each of which it can be resumed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from bench.datasets.base import BadSample, Dataset, NoReconstruction, Sample
from bench.datasets.loader import prepared
from bench.machine.watch import LOADERS
from bench.measuring.seen import Seen, content

if TYPE_CHECKING:
    from bench.measuring.loop import Loop

T = TypeVar("T")

AHEAD = 2
"""Steps that are made ready while a GPU computes."""


@dataclass(frozen=True)
class Read:
    """A sample as it was read, at its position in the data set, and the hash of its content."""

    index: int
    sample: Sample
    key: bytes


@dataclass(frozen=True)
class Batched:
    """Samples that can be joined, and the signal of them all on the device that measures them."""

    reads: list[Read]
    signal: Any


@dataclass(frozen=True)
class Step:
    """What is measured before the cell can be left and resumed.

    Attributes:
        batches: none where this rank has no samples to measure beside those of the others.
        bad: why samples could not be read, by their positions.
        done: steps or samples that are behind, as ``steps`` takes it to go on from there.
    """

    batches: list[Batched]
    bad: list[tuple[int, BadSample]]
    done: int


def steps(
    dataset: Dataset, loop: Loop, equal_lengths: bool, seen: Seen, start: int = 0
) -> Iterator[tuple[list[tuple[list[int], list[Sample], Any]], int]]:
    """The batches of each step, as indices, samples and signal, and what to start from to go on after it.

    A repeated sample is in the group of the first one with its content. What could not be read is noted and left out.

    Args:
        equal_lengths: whether the samples of a batch must be equally long.
        start: 0, or what an earlier process of this rank had behind it.
    """
    planned = _in_rounds if loop.ranks.size > 1 else _streamed
    made = planned(dataset, loop, equal_lengths, start)
    for step in _ahead(made, loop.device) if loop.device.type == "cuda" else made:
        for index, why in step.bad:
            noted = seen.failed if isinstance(why, NoReconstruction) else seen.skipped
            noted[dataset.id(index)] = str(why)
        group = _groups(step, loop, seen)
        yield (
            [
                (
                    [read.index for read in batch.reads],
                    [replace(read.sample, group=group[read.index]) for read in batch.reads],
                    batch.signal,
                )
                for batch in step.batches
            ],
            step.done,
        )


def _groups(step: Step, loop: Loop, seen: Seen) -> dict[int, int]:
    """The group of each sample of a step by its position, given what all ranks have read so far."""
    own = [(read.index, read.sample.id, read.sample.group, read.key) for batch in step.batches for read in batch.reads]
    everything = sorted(read for reads in loop.ranks.exchange(own) for read in reads)
    return {index: seen.repeats.group(name, group, key) for index, name, group, key in everything}


def _streamed(dataset: Dataset, loop: Loop, equal_lengths: bool, start: int) -> Iterator[Step]:
    """A step for each batch; batches are filled over what cannot be read."""
    reads: list[Read] = []
    bad: list[tuple[int, BadSample]] = []
    for index, read in _read(dataset, range(start, len(dataset)), loop):
        if isinstance(read, BadSample):
            bad.append((index, read))
            continue
        if reads and not _joins(reads, read, loop, equal_lengths):
            yield Step([_batched(reads, loop)], bad, index)
            reads, bad = [], []
        reads.append(Read(index, *read))
        if len(reads) == loop.batch_size:
            yield Step([_batched(reads, loop)], bad, index + 1)
            reads, bad = [], []
    if reads or bad:
        yield Step([_batched(reads, loop)] if reads else [], bad, len(dataset))


def _in_rounds(dataset: Dataset, loop: Loop, equal_lengths: bool, start: int) -> Iterator[Step]:
    """A step for each round of the ranks, in which each of them has at most a batch of samples.

    So batches hold the same samples whatever the number of ranks, where all samples can be read and joined.
    """
    size = loop.batch_size
    rounds = -(-len(dataset) // (size * loop.ranks.size))
    own = loop.ranks.share(len(dataset), size)
    following = _read(dataset, own[start * size :], loop)
    for number in range(start, rounds):
        batches: list[list[Read]] = []
        bad: list[tuple[int, BadSample]] = []
        for index, read in (next(following) for _ in own[number * size : (number + 1) * size]):
            if isinstance(read, BadSample):
                bad.append((index, read))
            elif batches and _joins(batches[-1], read, loop, equal_lengths):
                batches[-1].append(Read(index, *read))
            else:
                batches.append([Read(index, *read)])
        yield Step([_batched(reads, loop) for reads in batches], bad, number + 1)


def _read(
    dataset: Dataset, positions: Sequence[int], loop: Loop
) -> Iterator[tuple[int, tuple[Sample, bytes] | BadSample]]:
    def hashed(sample: Sample) -> tuple[Sample, bytes]:
        return sample, content(sample.signal)

    return prepared(dataset, positions, hashed, loop.workers, prefetch=2 * loop.batch_size)


def _joins(reads: list[Read], read: tuple[Sample, bytes], loop: Loop, equal_lengths: bool) -> bool:
    return loop.signals.joins([each.sample for each in reads], read[0], equal_lengths)


def _batched(reads: list[Read], loop: Loop) -> Batched:
    with loop.transfers:
        return Batched(reads, loop.signals.collate([read.sample for read in reads], loop.device))


def _ahead(source: Iterator[T], device: torch.device) -> Iterator[T]:
    """The same values, made in a thread up to ``AHEAD`` of them before they are asked for.

    Args:
        device: the GPU that they are made on; a thread would otherwise begin with the first one.
    """
    ready: queue.Queue[Callable[[], T] | None] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(item: Callable[[], T] | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            if device.index is not None:
                torch.cuda.set_device(device)
            for value in source:
                if not put(lambda value=value: value):  # type: ignore[misc]
                    return
            put(None)
        except BaseException as error:  # raised where the values are asked for
            put(_raiser(error))

    thread = threading.Thread(target=work, name=f"{LOADERS}-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            yield item()
    finally:
        stopped.set()
        thread.join()


def _raiser(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail
