"""Deep features: of a batch, computed once for all metrics, and of a reference set, once for all systems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from bench.errors import Unavailable
from bench.machine.mapped_arrays import Spill
from bench.machine.ranks import ALONE, Ranks
from bench.measuring import extractors
from bench.measuring.extractor_run import ExtractorRun, Features, arithmetic_of
from bench.measuring.extractors import Extractor
from bench.metrics.base import FeatureSource


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
        self._kept: dict[str, Spill] = {}

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
            weights = self.weights[extractor.weights]
            self._runs[name] = ExtractorRun(extractor, weights, self.device, key, self.n, self._files(name))
        return self._runs[name]

    def keep(self, name: str, rows: torch.Tensor) -> torch.Tensor:
        """Copy rows ``[n, dim]`` of a metric to disk, beside the features, and return them there."""
        if name not in self._kept:
            self._kept[name] = Spill(rows.shape[1], len(rows), self._files(name))
        return self._kept[name].append(rows)

    def _files(self, name: str) -> Path | None:
        return self.folder / f"{name}.{self.ranks.rank}" if self.folder else None

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on in another process."""
        kept = {name: [spill.dim, spill.state()] for name, spill in self._kept.items()}
        return {"runs": {name: run.state() for name, run in self._runs.items()}, "kept": kept}

    def has(self, state: dict[str, Any]) -> bool:
        """Whether :meth:`restore` can go on: the features in files and in the cache are still there."""
        runs = (self.run(name).has(of_run) for name, of_run in state["runs"].items())
        kept = (Spill(dim, files=self._files(name)).has(of_spill) for name, (dim, of_spill) in state["kept"].items())
        return all([*runs, *kept])

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""
        for name, of_run in state["runs"].items():
            self.run(name).restore(of_run)
        for name, (dim, of_spill) in state["kept"].items():
            self._kept[name] = Spill(dim, files=self._files(name))
            self._kept[name].restore(of_spill)

    def place(self, view: torch.Tensor) -> list[Any] | None:
        """Where features that it handed out lie, as :meth:`view` takes it; None if they are not its own."""
        for name, run in self._runs.items():
            if place := run.place(view):
                return [name, *place, *view.shape]
        for name, spill in self._kept.items():
            if there := spill.place(view):
                return [name, False, *there, *view.shape]
        return None

    def view(self, place: list[Any]) -> torch.Tensor:
        """The features at a place."""
        name, cached, segment, row, column, rows, columns = place
        if name in self._kept:
            return self._kept[name].view((segment, row, column), (rows, columns))
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
            "device": arithmetic_of(self.device),
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

    def keep(self, name: str, rows: torch.Tensor) -> torch.Tensor:
        return self.bank.keep(name, rows)

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
