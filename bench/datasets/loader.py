"""Samples in the dataset's order, read ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from bench.datasets.base import BadSample, Dataset, Sample
from bench.errors import BenchError
from bench.machine.watch import LOADERS

T = TypeVar("T")


def ordered(dataset: Dataset, workers: int, prefetch: int) -> Iterator[tuple[int, Sample | BadSample]]:
    """Each position with its sample, or its BadSample if it is unreadable; in order whatever the number of workers.

    Arguments and errors as of :func:`prepared`.
    """
    return prepared(dataset, range(len(dataset)), lambda sample: sample, workers, prefetch)


def prepared(
    dataset: Dataset, positions: Sequence[int], prepare: Callable[[Sample], T], workers: int, prefetch: int
) -> Iterator[tuple[int, T | BadSample]]:
    """Each of the positions, in their order, with what was made of its sample, or its BadSample if it is unreadable.

    Threads, not processes: Pillow releases the interpreter's lock while it decodes and resizes, so threads keep
    the cores busy without pickling pixels, without shared memory to run out of, and without a second torch in
    each worker.

    Args:
        prepare: called with each sample where it is read.
        workers: threads that read; 0 reads in the calling thread, on demand.
        prefetch: most samples that are read ahead; it bounds the memory used.

    Raises:
        BenchError: ``workers`` is negative or ``prefetch`` not positive.
        Exception: whatever else a sample raised, with a note that names the sample. Reading ends there.
    """
    if workers < 0 or prefetch < 1:
        raise BenchError(f"workers={workers}, prefetch={prefetch}: workers must be 0 or more, prefetch 1 or more")
    if workers:
        return _ahead(dataset, positions, prepare, workers, prefetch)
    return ((index, _load(dataset, index, prepare)) for index in positions)


def _ahead(
    dataset: Dataset, positions: Sequence[int], prepare: Callable[[Sample], T], workers: int, prefetch: int
) -> Iterator[tuple[int, T | BadSample]]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix=LOADERS)
    pending: deque[Future[T | BadSample]] = deque()
    unread = iter(positions)
    try:
        pending.extend(pool.submit(_load, dataset, index, prepare) for index in islice(unread, prefetch))
        for index in positions:
            sample = pending.popleft().result()
            pending.extend(pool.submit(_load, dataset, following, prepare) for following in islice(unread, 1))
            yield index, sample
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _load(dataset: Dataset, index: int, prepare: Callable[[Sample], T]) -> T | BadSample:
    try:
        return prepare(dataset.load(index))
    except BadSample as error:
        return error
    except Exception as error:
        error.add_note(f"while reading sample {dataset.id(index)!r} of {dataset.name}")
        raise
