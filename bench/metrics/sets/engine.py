"""Where the last step of a set metric computes: which device, which kind of algorithm, in pieces of which size.

A processor gets pieces that fit its caches and LAPACK on many threads; an accelerator gets the rows themselves where
they fit, few large products in float64, and no question that it must answer before it can go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.machine.mapped_arrays import mapped

TILE_BYTES = 512 << 20
"""Most memory that an accelerator uses for one tile of a matrix of pairs."""
WIDEST = 8192
"""Most columns of such a tile."""
CHUNK = {False: 512, True: 8192}
"""Rows that are summed at once, on a processor and on an accelerator."""


@dataclass(frozen=True)
class Engine:
    """A device for heavy arithmetic.

    Attributes:
        device: where products, factors and sorts are computed.
        accelerated: whether to compute as suits an accelerator; a test may ask for it on the processor.
        room: bytes that one set of rows may take on the device; larger sets stay where they are and come in pieces.
        tile: bytes that one tile of a matrix of pairs may take with all that is computed from it.
    """

    device: torch.device
    accelerated: bool = False
    room: int = 0
    tile: int = TILE_BYTES

    @classmethod
    def on(cls, device: torch.device) -> Engine:
        """The engine for a device, its sizes by the memory that is free there now."""
        if device.type != "cuda":
            return cls(torch.device("cpu"))
        # What torch's allocator holds without using it is free, too.
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + idle
        return cls(device, True, free // 4, min(TILE_BYTES, free // 8))

    @property
    def chunk(self) -> int:
        """Rows that are summed at once."""
        return CHUNK[self.accelerated]

    def wide(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows on the device in float64."""
        return rows.to(self.device).double()

    def staged(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows ``[n, dim]`` on the device if there is room for them, else where they are."""
        return rows.to(self.device) if self.accelerated and 4 * rows.numel() <= self.room else rows

    def gathered(self, chunks: Sequence[torch.Tensor], positions: np.ndarray) -> torch.Tensor:
        """Some rows of all chunks in a given order, float32: on the device if there is room, else mapped from disk.

        Args:
            chunks: tensors ``[n_i, dim]``.
            positions: for each row of the result, its position in the concatenated chunks, ``[N]``, each at most once.
        """
        shape = len(positions), chunks[0].shape[1]
        here = self.accelerated and 4 * shape[0] * shape[1] <= self.room
        table = torch.empty(shape, device=self.device) if here else mapped(shape)
        target = np.full(sum(map(len, chunks)), -1)
        target[positions] = np.arange(len(positions))
        start = 0
        for chunk in chunks:
            rows = torch.from_numpy(target[start : start + len(chunk)])
            start += len(chunk)
            wanted = rows >= 0
            if not bool(wanted.all()):
                rows, chunk = rows[wanted], chunk[wanted.to(chunk.device)]
            table[rows.to(table.device)] = chunk.to(table.device, torch.float32)
        return table

    def tile_shape(self, usual: tuple[int, int], columns: int, element: int) -> tuple[int, int]:
        """Rows and columns of the tiles of a matrix of pairs.

        Args:
            usual: the shape on a processor.
            columns: columns of the whole matrix.
            element: bytes of an element of a tile with all that is computed from it.
        """
        if not self.accelerated:
            return usual
        wide = max(1, min(columns, WIDEST))
        return max(1, self.tile // (element * wide)), wide


PROCESSOR = Engine(torch.device("cpu"))
"""The processor, as everything is computed that no GPU is there for."""
