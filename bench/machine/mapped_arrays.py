"""Arrays on disk instead of in memory: mapped files that vanish when the process ends, even if it is killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

import numpy as np
import torch

from bench.errors import BenchError
from bench.machine.weights import cache_dir

SEGMENT_ROWS = 256
MAX_SEGMENT_ROWS = 8192


def mapped(shape: Sequence[int]) -> torch.Tensor:
    """A float32 tensor of zeros of the given shape, mapped from a file without a name.

    The operating system writes it out and drops it from memory as it needs to, so it does not count as
    anonymous memory. The file lies in the cache folder, because a system's temporary folder is often
    memory itself.

    Raises:
        BenchError: the disk is full.
    """
    size = 4 * int(np.prod(shape))
    if size == 0:
        return torch.zeros(*shape)
    folder = cache_dir() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            reserve(file.fileno(), size)
        except OSError as error:
            raise BenchError(
                f"{folder}: {error.strerror} for {size / 1e6:.0f} MB of features; "
                "set BENCH_CACHE to a folder with more room"
            ) from error
        return torch.from_numpy(np.memmap(file, np.float32, "r+", shape=tuple(shape)))


def reserve(descriptor: int, size: int) -> None:
    """Give a file its size and its blocks; OSError if the disk is full.

    Without reserved blocks a full disk shows itself as a bus error on some later write.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)


class Spill:
    """Append-only float32 rows of one length on disk.

    Args:
        dim: length of a row.
        first: rows that there is room for at first; the room doubles as needed.
    """

    def __init__(self, dim: int, first: int = SEGMENT_ROWS) -> None:
        self.dim = dim
        self._segment = torch.zeros(0, dim)
        self._used = 0
        self._grow = first

    def append(self, rows: torch.Tensor) -> torch.Tensor:
        """Copy rows ``[n, dim]`` from any device to disk, and return the mapped float32 view of the copy."""
        if self._used + len(rows) > len(self._segment):
            self._segment = mapped((max(self._grow, len(rows)), self.dim))
            self._used = 0
            self._grow = min(2 * self._grow, MAX_SEGMENT_ROWS)
        view = self._segment[self._used : self._used + len(rows)]
        view.copy_(rows.detach())
        self._used += len(rows)
        return view


def reordered(chunks: Sequence[torch.Tensor], order: np.ndarray) -> torch.Tensor:
    """The rows of all chunks in another order, as one mapped tensor.

    Args:
        chunks: tensors ``[n_i, dim]``, N rows in all.
        order: for each row of the result, its position in the concatenated chunks, ``[N]``.
    """
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    table = mapped((len(order), chunks[0].shape[1]))
    start = 0
    for chunk in chunks:
        table[torch.from_numpy(rank[start : start + len(chunk)])] = chunk.to("cpu", torch.float32)
        start += len(chunk)
    return table
