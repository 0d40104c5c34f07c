"""Deep features: of a batch, computed once for all metrics, and of a reference set, once for all systems."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.errors import Unavailable
from bench.machine.mapped_arrays import Spill, reordered
from bench.machine.precision import exact_float32
from bench.machine.ranks import ALONE, Ranks
from bench.measuring import extractors
from bench.measuring.extractors import Extractor, Network
from bench.measuring.reference_cache import ReferenceFile
from bench.metrics.base import FeatureSource

Features = Mapping[str, torch.Tensor]
"""Features by layer, each float32 ``[samples, dim]``."""


class FeatureBank:
    """The extractors of one pass over a dataset; each is loaded when a metric first asks for it.

        bank = FeatureBank(weights, sha256, device, reference_key, n)
        for ...:
            batch.features = bank.batch(index, reference, reconstruction)
        bank.finish(complete=True)

    The features it hands out lie on disk, shared by all metrics that keep them.

    Args:
        weights: verified weights file by name (``bench/machine/weights.py``), of those that are available.
        sha256: hash of each weights file by name, for the key of cached references.
        device: where the networks run, in float32 without TF32.
        reference_key: what determines the reference samples (the data set's fingerprint, preprocessing,
            rounding); None keeps them out of the cache.
        n: samples of the reference set, including unreadable ones; indices are smaller.
        folder: where the features lie, if they are to outlive the process.
        ranks: the ranks that measure the samples together.
    """

    def __init__(
        self,
        weights: Mapping[str, Path],
        sha256: Mapping[str, str],
        device: torch.device,
        reference_key: Mapping[str, Any] | None,
        n: int,
        folder: Path | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.folder, self.ranks = folder, ranks
        self.weights, self.sha256, self.device = dict(weights), dict(sha256), torch.device(device)
        self.reference_key, self.n = reference_key, n
        self._runs: dict[str, ExtractorRun] = {}

    def require(self, name: str) -> None:
        """Raise Unavailable if the weights of an extractor are missing; nothing is loaded."""
        weights = extractors.get(name).weights
        if weights not in self.weights:
            raise Unavailable(f"weights {weights} are missing", f"run: bench fetch {weights}")

    def batch(self, index: torch.Tensor, reference: torch.Tensor, reconstruction: torch.Tensor) -> BatchFeatures:
        """The features of a batch, which are computed when first asked for.

        Args:
            index: position of each sample in the dataset, int64 ``[batch]``.
            reference, reconstruction: values of the samples as they are scored, such as images
                ``[batch, 3, height, width]`` in [0, 1].
        """
        return BatchFeatures(self, index.cpu(), reference, reconstruction)

    def run(self, name: str) -> ExtractorRun:
        """The state of an extractor in this pass."""
        if name not in self._runs:
            self.require(name)
            extractor = extractors.get(name)
            key = None if self.reference_key is None else self._key(extractor)
            files = self.folder / f"{name}.{self.ranks.rank}" if self.folder else None
            weights = self.weights[extractor.weights]
            self._runs[name] = ExtractorRun(extractor, weights, self.device, key, self.n, files)
        return self._runs[name]

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on in another process."""
        return {name: run.state() for name, run in self._runs.items()}

    def has(self, state: dict[str, Any]) -> bool:
        """Whether :meth:`restore` can go on: the features in files and in the cache are still there."""
        return all(self.run(name).has(of_run) for name, of_run in state.items())

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""
        for name, of_run in state.items():
            self.run(name).restore(of_run)

    def place(self, view: torch.Tensor) -> list[Any] | None:
        """Where features that it handed out lie, as :meth:`view` takes it; None if they are not its own."""
        for name, run in self._runs.items():
            if place := run.place(view):
                return [name, *place, *view.shape]
        return None

    def view(self, place: list[Any]) -> torch.Tensor:
        """The features at a place."""
        name, cached, segment, row, column, rows, columns = place
        return self.run(name).view(cached, segment, row, column, (rows, columns))

    def finish(self, complete: bool) -> None:
        """End the pass.

        Args:
            complete: whether every readable sample was seen; only then is the reference cached.
        """
        names = sorted({name for names in self.ranks.exchange(list(self._runs)) for name in names})
        if all(self.ranks.exchange(complete)):
            for name in names:
                self.run(name).save(self.ranks)
        self._runs.clear()

    def _key(self, extractor: Extractor) -> dict[str, Any]:
        return {
            "reference": dict(self.reference_key or {}),
            "extractor": extractor.name,
            "version": extractor.version,
            "weights": self.sha256[extractor.weights],
            # Other arithmetic rounds differently, which must not affect one side of a comparison only.
            "torch": torch.__version__,
            "device": _arithmetic(self.device),
        }


class BatchFeatures(FeatureSource):
    """Features of one batch, computed when first asked for."""

    def __init__(
        self, bank: FeatureBank, index: torch.Tensor, reference: torch.Tensor, reconstruction: torch.Tensor
    ) -> None:
        self.bank, self.index = bank, index
        self.reference, self.reconstruction = reference, reconstruction
        self._computed: dict[str, tuple[Features, Features]] = {}
        self._guard = Guard()

    def get(self, extractor: str) -> tuple[Features, Features]:
        if extractor not in self._computed:
            run = self.bank.run(extractor)
            self._computed[extractor] = run.features(self.index, self.reference, self.reconstruction)
            self._guard.watch(self._computed[extractor])
        reference, reconstruction = self._computed[extractor]
        return dict(reference), dict(reconstruction)

    def restore(self) -> None:
        self._guard.restore()


class Guard:
    """Keeps copies of a batch's features, which all metrics share, and restores them if one was changed."""

    def __init__(self) -> None:
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def watch(self, sides: Iterable[Features]) -> None:
        """Keep a copy of the features of these sides as they are now."""
        self._kept += [(rows, rows.clone()) for side in sides for rows in side.values()]

    def restore(self) -> None:
        """Undo changes to the features, which may also have been made through numpy."""
        for rows, kept in self._kept:
            if not torch.equal(rows, kept):
                rows.copy_(kept)


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
        if self.cached is not None:
            rows = self.cached[0]
            offset = view.data_ptr() - rows.data_ptr()
            if 0 <= offset < 4 * rows.numel():
                return True, 0, *divmod(offset // 4, rows.shape[1])
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


def _arithmetic(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"
