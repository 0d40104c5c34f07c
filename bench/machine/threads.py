"""Linear algebra on cores that may be busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")
MAX_THREADS = 4


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Have torch compute on one thread, as a decorator too; afterwards on as many as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def each_on_one_thread(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """``map``, in as many threads as torch has, four at most, each of which computes alone.

    LAPACK's eigenvalues are half products of a matrix and a vector: they gain little from threads and
    lose a lot where the threads wait for one another on cores that something else is using, ten times
    over and more. Independent problems side by side use the same cores and wait for nobody.
    """
    threads = torch.get_num_threads()
    # Threads started after torch was set to one inherit it.
    with one_torch_thread(), ThreadPoolExecutor(min(threads, MAX_THREADS)) as pool:
        return list(pool.map(function, items))
