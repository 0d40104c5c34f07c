"""Learning that ends alike, whatever the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import faiss

from bench.machine.threads import one_torch_thread


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch and faiss compute on one thread, as a decorator too; afterwards on as many as before.

    Threads share a sum out among them, so their number decides the order of its terms and with it the last digit;
    k-means, local search and iterative quantization make other codebooks of that. faiss has a setting of its own
    where it was imported before torch, and shares torch's where it was not.
    """
    threads = faiss.omp_get_max_threads()
    with one_torch_thread():
        faiss.omp_set_num_threads(1)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(threads)
