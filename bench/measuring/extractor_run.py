"""One extractor during one pass over a dataset: its network, its cached reference, its rows on disk."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.machine.mapped_arrays import Spill, place_in, reordered
from bench.machine.precision import exact_float32
from bench.machine.ranks import ALONE, Ranks
from bench.measuring.extractors import Extractor, Network
from bench.measuring.reference_cache import ReferenceFile

Features = Mapping[str, torch.Tensor]
"""Features by layer, each float32 ``[samples, dim]``."""


class ExtractorRun:
    """One extractor during one pass: its network, its cached reference, its rows on disk."""

    def __init__(
        self,
        extractor: Extractor,
        weights: Path,
        device: torch.device,
        key: dict[str, Any] | None,
        n: int,
        files: Path | None = None,
    ) -> None:
        self.extractor, self.weights, self.device = extractor, weights, device
        dim = sum(extractor.layers.values())
        self.file = None if key is None else ReferenceFile(key, n, dim)
        self.cached = self.file.open() if self.file else None
        self.spill = Spill(dim, files=files)
        self.computed: list[tuple[torch.Tensor, torch.Tensor]] = []

    @cached_property
    def network(self) -> Network:
        """The network, loaded when first asked for."""
        return self.extractor.load(self.weights, self.device)

    def features(
        self, index: torch.Tensor, reference: torch.Tensor, reconstruction: torch.Tensor
    ) -> tuple[Features, Features]:
        """Features by layer of both sides of a batch, from one call of the network where both must be computed.

        Args:
            index: position of each sample in the data set, int64 ``[batch]``.
        """
        cached = self._cached(index)
        if cached is not None:
            return self._layers(cached), self._layers(self._compute(reconstruction))
        if reference.shape == reconstruction.shape:
            rows = self._compute(torch.cat([reference, reconstruction]))
            before, after = rows[: len(index)], rows[len(index) :]
        else:
            before, after = self._compute(reference), self._compute(reconstruction)
        if self.file:
            self.computed.append((index, before))
        return self._layers(before), self._layers(after)

    def one_side(self, images: torch.Tensor) -> Features:
        """Features by layer of images ``[batch, 3, height, width]`` without counterparts, such as generated ones."""
        return self._layers(self._compute(images))

    def whole_reference(self, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Features:
        """Features by layer of a whole reference set, in its order, from the cache or computed and cached.

        Args:
            batches: index in the set and images of each batch; not read where the cache has the set.
        """
        if self.cached is not None:
            rows, present = self.cached
            if bool(present.all()):
                return self._layers(rows)
            self.computed = list(self._kept())
        else:
            indices, computed = list[int](), list[torch.Tensor]()
            for index, images in batches:
                # No small tensor is kept: scattered among the images, they would keep their memory from being reused.
                indices += index.tolist()
                computed.append(self._compute(images))
            parts = torch.tensor(indices).split([len(rows) for rows in computed])
            self.computed = list(zip(parts, computed, strict=True))
            self.save()
            if self.file and self.spill.lasting:  # a later process finds it there too
                self.cached = self.file.open()
        index = torch.cat([part for part, _ in self.computed])
        return self._layers(reordered([rows for _, rows in self.computed], index.argsort().numpy()))

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on in another process."""
        computed = [[index, self.spill.place(rows)] for index, rows in self.computed]
        return {"spill": self.spill.state(), "computed": computed, "cached": self.cached is not None}

    def has(self, state: dict[str, Any]) -> bool:
        """Whether :meth:`restore` can go on."""
        return self.spill.has(state["spill"]) and (self.cached is not None or not state["cached"])

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""
        if not state["cached"]:
            self.cached = None  # put there meanwhile by a cell whose batches may have been others
        self.spill.restore(state["spill"])
        self.computed = [
            (index, self.spill.view(place, (len(index), self.spill.dim))) for index, place in state["computed"]
        ]

    def place(self, view: torch.Tensor) -> tuple[bool, int, int, int] | None:
        """Whether features lie in the cache, their segment, and their first row and column; None if they do neither."""
        if place := self.spill.place(view):
            return False, *place
        if self.cached is not None and (there := place_in(self.cached[0], view)):
            return True, 0, *there
        return None

    def view(self, cached: bool, segment: int, row: int, column: int, shape: Sequence[int]) -> torch.Tensor:
        """The features at a place."""
        if not cached:
            return self.spill.view((segment, row, column), shape)
        assert self.cached is not None
        return self.cached[0][row : row + shape[0], column : column + shape[1]]

    def save(self, ranks: Ranks = ALONE) -> None:
        """Write the reference features to the cache, together with those that it already had.

        Args:
            ranks: the ranks that computed them together; all of them must call this.
        """
        if not self.file:
            return
        if ranks.size > 1:
            self._collect(ranks)
        if not self.computed or not ranks.first:
            return
        try:
            self.file.write(chain(self._kept(), self.computed))
        except OSError as error:
            warnings.warn(f"reference features are not cached: {self.file.path}: {error.strerror}", stacklevel=2)

    def _collect(self, ranks: Ranks) -> None:
        """Bring what the ranks computed to the first one."""
        index = torch.cat([part for part, _ in self.computed]) if self.computed else torch.zeros(0, dtype=torch.int64)
        rows = [rows for _, rows in self.computed]
        table = reordered(rows, np.arange(len(index))) if rows else torch.zeros(0, self.spill.dim)
        parts = zip(ranks.collect(index), ranks.collect(table), strict=True)
        self.computed = [(index, rows) for index, rows in parts if len(index)]

    def _kept(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if self.cached is not None:
            rows, present = self.cached
            for part in present.nonzero()[:, 0].split(1024):
                yield part, rows[part]

    def _cached(self, index: torch.Tensor) -> torch.Tensor | None:
        if self.cached is None or not bool(self.cached[1][index].all()):
            return None
        rows = self.cached[0]
        first, last = int(index[0]), int(index[-1])
        if torch.equal(index, torch.arange(first, last + 1)):
            return rows[first : last + 1]  # a view of the file
        return self.spill.append(rows[index])

    def _compute(self, values: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), exact_float32(self.device):
            layers = self.network(values.to(self.device))
        rows = torch.cat([layers[name] for name in self.extractor.layers], dim=1)
        return self.spill.append(rows)

    def _layers(self, rows: torch.Tensor) -> Features:
        parts = rows.split(list(self.extractor.layers.values()), dim=1)
        return dict(zip(self.extractor.layers, parts, strict=True))


def arithmetic_of(device: torch.device) -> str:
    """What decides how features are rounded: the GPU, or the instructions of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"
