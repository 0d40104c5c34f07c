"""Samples in the dataset's order, read ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from bench.datasets.base import BadSample, Dataset, Sample
from bench.errors import BenchError
from bench.machine.watch import LOADERS


def ordered(dataset: Dataset, workers: int, prefetch: int) -> Iterator[tuple[int, Sample | BadSample]]:
    """Each position with its sample, or its BadSample if it is unreadable; in order whatever the number of workers.

    Threads, not processes: Pillow releases the interpreter's lock while it decodes and resizes, so threads keep
    the cores busy without pickling pixels, without shared memory to run out of, and without a second torch in
    each worker.

    Args:
        workers: threads that read; 0 reads in the calling thread, on demand.
        prefetch: most samples that are read ahead; it bounds the memory used.

    Raises:
        BenchError: ``workers`` is negative or ``prefetch`` not positive.
        Exception: whatever else a sample raised, with a note that names the sample. Reading ends there.
    """
    if workers < 0 or prefetch < 1:
        raise BenchError(f"workers={workers}, prefetch={prefetch}: workers must be 0 or more, prefetch 1 or more")
    return _ahead(dataset, workers, prefetch) if workers else _on_demand(dataset)


def _on_demand(dataset: Dataset) -> Iterator[tuple[int, Sample | BadSample]]:
    for index in range(len(dataset)):
        yield index, _load(dataset, index)


def _ahead(dataset: Dataset, workers: int, prefetch: int) -> Iterator[tuple[int, Sample | BadSample]]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix=LOADERS)
    pending: deque[Future[Sample | BadSample]] = deque()
    unread = iter(range(len(dataset)))
    try:
        pending.extend(pool.submit(_load, dataset, index) for index in islice(unread, prefetch))
        for index in range(len(dataset)):
            sample = pending.popleft().result()
            pending.extend(pool.submit(_load, dataset, following) for following in islice(unread, 1))
            yield index, sample
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _load(dataset: Dataset, index: int) -> Sample | BadSample:
    try:
        return dataset.load(index)
    except BadSample as error:
        return error
    except Exception as error:
        error.add_note(f"while reading sample {dataset.id(index)!r} of {dataset.name}")
        raise
