"""Threads for linear algebra on cores that may be busy."""

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
    """Have torch compute on one thread within the context, or the decorated function; then on as many as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def each_on_one_thread(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results of ``function`` on the items, in order, computed in as many threads as torch has, at most four.

    LAPACK's eigenvalues are half products of a matrix and a vector: they gain little from threads and
    become ten times slower and more where the threads wait for one another on cores that something else
    is using. Independent problems side by side use the same cores without waiting.
    """
    threads = torch.get_num_threads()
    # Threads started after torch was set to one inherit it.
    with one_torch_thread(), ThreadPoolExecutor(min(threads, MAX_THREADS)) as pool:
        return list(pool.map(function, items))
