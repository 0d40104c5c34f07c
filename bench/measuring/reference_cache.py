"""Features of a reference set on disk: computed once per protocol, verified whenever they are opened.

A file is rows float32 ``[n, dim]``, then one byte per sample (1 if its row is present), then the sha256
of the key and everything before. A file that does not match in size or hash is ignored.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from bench.machine.canonical import digest
from bench.machine.mapped_arrays import reserve
from bench.machine.weights import cache_dir

BLOCK = 1 << 22
ROWS = 1024
DIGEST = 32


class ReferenceFile:
    """The cached features of one reference set in one extractor.

    Args:
        key: everything the features depend on; its hash names the file.
        n: samples of the reference set, including those that could not be read.
        dim: features per sample.
    """

    def __init__(self, key: dict[str, Any], n: int, dim: int) -> None:
        self.n, self.dim = n, dim
        self.key = digest({"key": key, "n": n, "dim": dim})
        self.path = cache_dir() / "references" / f"{self.key}.rows"

    def open(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The mapped rows, float32 ``[n, dim]``, and which are present, bool ``[n]``; None without a valid file."""
        try:
            size = self.path.stat().st_size
            if size != 4 * self.n * self.dim + self.n + DIGEST or not self._valid(size - DIGEST):
                return None
            # Private pages: whatever is done to the tensor, the file stays as it was verified.
            rows = np.memmap(self.path, np.float32, "c", shape=(self.n, self.dim))
            present = np.fromfile(self.path, np.uint8, self.n, offset=rows.nbytes)
        except (OSError, ValueError):
            return None
        return torch.from_numpy(rows), torch.from_numpy(present) == 1

    def _valid(self, length: int) -> bool:
        with self.path.open("rb") as file:
            hasher = hashlib.sha256(self.key.encode())
            while length:
                block = file.read(min(BLOCK, length))
                if not block:
                    return False
                hasher.update(block)
                length -= len(block)
            return file.read() == hasher.digest()

    def write(self, parts: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Write the file, whole or not at all, from parts of indices ``[m]`` and rows ``[m, dim]`` in any order.

        Raises:
            OSError: it cannot be written; nothing is left behind.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.key[:16]}.", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "r+b") as file:
                self._fill(file, parts)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _fill(self, file: BinaryIO, parts: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        reserve(file.fileno(), 4 * self.n * self.dim)
        table = np.memmap(file, np.float32, "r+", shape=(self.n, self.dim))
        present = np.zeros(self.n, np.uint8)
        for indices, rows in parts:
            table[indices.numpy()] = rows.numpy()
            present[indices.numpy()] = 1
        table.flush()
        hasher = hashlib.sha256(self.key.encode())
        for start in range(0, self.n, ROWS):
            hasher.update(table[start : start + ROWS].data)
        hasher.update(present.data)
        file.seek(0, os.SEEK_END)
        file.write(present.tobytes() + hasher.digest())
