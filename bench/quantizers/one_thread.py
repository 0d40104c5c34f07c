"""Sums in an order that no number of threads changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import faiss
import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread of torch and of faiss; as a decorator too. What was set before is restored, whatever happens.

    Threads share a sum out among them, so their number decides the order of its terms and with it the last digit.
    Local search, k-means and iterative quantization amplify that into other codebooks. faiss brings threads and a
    BLAS of its own, which torch's setting does not reach. Single images and clips are too small to gain by threads,
    and lose where these wait for each other on busy cores.
    """
    torch_threads, faiss_threads = torch.get_num_threads(), faiss.omp_get_max_threads()
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        faiss.omp_set_num_threads(faiss_threads)
