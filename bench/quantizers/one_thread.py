"""Learning whose result does not depend on the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import faiss

from bench.machine.threads import one_torch_thread


@contextmanager
def one_thread() -> Iterator[None]:
    """Context manager and decorator under which torch and faiss compute on one thread.

    Threads divide a sum among them, so their number decides the order of its terms and with it the last digit;
    k-means, local search and iterative quantization learn other codebooks from that. faiss has a setting of its own
    where it was imported before torch, and shares torch's where it was not.
    """
    threads = faiss.omp_get_max_threads()
    with one_torch_thread():
        faiss.omp_set_num_threads(1)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(threads)
