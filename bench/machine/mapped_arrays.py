"""Arrays on disk instead of in memory: mapped files that vanish when the process ends, even if it is killed."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.errors import BenchError
from bench.machine.weights import cache_dir

SEGMENT_ROWS = 256
MAX_SEGMENT_ROWS = 8192


def mapped(shape: Sequence[int], file: Path | None = None) -> torch.Tensor:
    """A float32 tensor of the given shape, mapped from a file without a name, which holds zeros, or from a named one.

    The operating system writes it out and drops it from memory as it needs to, so it does not count as
    anonymous memory. The file lies in the cache folder, because a system's temporary folder is often
    memory itself.

    Args:
        file: the named file, which is created or extended as needed, and keeps what it holds.

    Raises:
        BenchError: the disk is full, or the folder cannot be written to.
    """
    size = 4 * int(np.prod(shape))
    if size == 0:
        return torch.zeros(*shape)
    folder = file.parent if file else cache_dir() / "scratch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as closing:
            if file:
                opened: Any = closing.enter_context(os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o644), "r+b"))
            else:
                opened = closing.enter_context(tempfile.TemporaryFile(dir=folder))
            reserve(opened.fileno(), size)
            return torch.from_numpy(np.memmap(opened, np.float32, "r+", shape=tuple(shape)))
    except OSError as error:
        raise BenchError(
            f"{folder}: {error.strerror} for {size / 1e6:.0f} MB of features",
            f"{'choose with --out' if file else 'set BENCH_CACHE to'} another folder, with enough room",
        ) from error


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
        files: what the names of its files begin with, if they are to outlive the process; None leaves them nameless.
    """

    def __init__(self, dim: int, first: int = SEGMENT_ROWS, files: Path | None = None) -> None:
        self.dim = dim
        self._segment = torch.zeros(0, dim)
        self._used = 0
        self._grow = first
        self._files = files
        # Of its own, so that the files that another process left stay as they are until they are opened again.
        self._label = secrets.token_hex(4)
        self._segments: list[torch.Tensor] = []
        """All segments, where the files have names."""
        self._stored = 0
        """The first of them that may hold rows which are not on the disk yet."""

    def append(self, rows: torch.Tensor) -> torch.Tensor:
        """Copy rows ``[n, dim]`` from any device to disk, and return the mapped float32 view of the copy."""
        if self._used + len(rows) > len(self._segment):
            self._segment = self._opened(max(self._grow, len(rows)))
            self._used = 0
            self._grow = min(2 * self._grow, MAX_SEGMENT_ROWS)
        view = self._segment[self._used : self._used + len(rows)]
        view.copy_(rows.detach())
        self._used += len(rows)
        return view

    def _opened(self, rows: int) -> torch.Tensor:
        """The next segment."""
        if self._files is None:
            return mapped((rows, self.dim))
        self._segments.append(mapped((rows, self.dim), self._file(len(self._segments))))
        return self._segments[-1]

    def _file(self, segment: int, label: str = "") -> Path:
        assert self._files
        return self._files.with_name(f"{self._files.name}.{label or self._label}.{segment}")

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs, once the rows so far are in the files."""
        for segment in range(self._stored, len(self._segments)):
            with self._file(segment).open("rb") as file:
                os.fsync(file.fileno())
        self._stored = max(0, len(self._segments) - 1)
        return {
            "label": self._label,
            "segments": list(map(len, self._segments)),
            "used": self._used,
            "grow": self._grow,
        }

    @property
    def lasting(self) -> bool:
        """Whether the rows outlive the process."""
        return self._files is not None

    def has(self, state: dict[str, Any]) -> bool:
        """Whether ``restore`` can open the files of another process again: they are there, and nothing is here yet."""
        if self._segments:
            return False
        files = [self._file(segment, state["label"]) for segment in range(len(state["segments"]))]
        return all(
            file.is_file() and file.stat().st_size == 4 * rows * self.dim
            for file, rows in zip(files, state["segments"], strict=True)
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Open the files of another process again, and go on after the rows that it had appended."""
        self._label = state["label"]
        for rows in state["segments"]:
            self._segment = self._opened(rows)
        self._used, self._grow = state["used"], state["grow"]

    def place(self, view: torch.Tensor) -> tuple[int, int, int] | None:
        """Segment, row and column at which a view of the rows begins; None if it is not one of named files."""
        for number, segment in enumerate(self._segments):
            if place := place_in(segment, view):
                return number, *place
        return None

    def view(self, place: Sequence[int], shape: Sequence[int]) -> torch.Tensor:
        """The view of that many rows and columns that begins at a place."""
        (segment, row, column), (rows, columns) = place, shape
        return self._segments[segment][row : row + rows, column : column + columns]


def place_in(table: torch.Tensor, part: torch.Tensor) -> tuple[int, int] | None:
    """Row and column of a float32 table at which a part of it begins; None of what is not some of its rows and columns.

    A part that leaves out every second row, or is transposed, is not.
    """
    offset = part.data_ptr() - table.data_ptr()
    if not 0 <= offset < 4 * table.numel() or part.dtype != table.dtype or part.stride() != table.stride():
        return None
    row, column = divmod(offset // 4, table.shape[1])
    return row, column


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
