"""The contract of set metrics: one class judges reconstructions against their inputs, and generated sets as well."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from bench.contracts.stats import Estimate, assign_blocks, block_jackknife
from bench.errors import Unavailable
from bench.metrics.base import Batch, Metric, ReferenceSource, Wants
from bench.metrics.sets.engine import PROCESSOR, Engine
from bench.metrics.sets.leaving_out import Sets, about_samples, too_few_to_leave_out

Side = Literal["reference", "reconstruction"]


@dataclass(frozen=True)
class Blocks:
    """Jackknife blocks of samples in the dataset's order.

    Attributes:
        of: block of each sample, ``[N]``.
        sizes: samples of each block.
    """

    of: np.ndarray
    sizes: np.ndarray


class SetMetric(Metric):
    """A metric of the features of a whole set, in one layer of one extractor.

    It compares with what the batches bring. In reconstruction each sample has the input it was made from, and the
    pairs stay together; in generation there is a fixed set, ``Batch.references``, which need not be as many.

    Class attributes: ``extractor`` and ``layer`` name the features (``bench/modalities/image/extractors``); ``wants``
    is what it needs of the references: their ``features``, at least the ``statistics`` of those, or ``nothing``.

    The rows stay where ``Batch.features`` put them, which is on disk for ``bench.measuring.features``; this class
    only lists them.
    """

    extractor: ClassVar[str]
    layer: ClassVar[str] = "pool"
    wants: ClassVar[Wants] = "features"
    on_disk = ("rows_reference", "rows_reconstruction")
    references: ReferenceSource | None = None
    """The fixed set that samples are compared with; None if each is compared with its own input."""
    heavy_device: torch.device
    """Where ``compute`` does its heavy arithmetic: where the last batch was if that is a GPU, else the processor."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heavy_device = torch.device("cpu")
        for side in ("reference", "reconstruction"):
            self.add_state(f"rows_{side}", default=[], dist_reduce_fx="cat")

    def prepare(self, references: ReferenceSource) -> None:
        """Compute the features of the reference images, if needed, before the first sample."""
        if self.wants == "nothing":
            return
        with suppress(Unavailable):  # ``compute`` will say so
            if self.wants == "features" or references.statistics(self.extractor, self.layer) is None:
                references.rows(self.extractor, self.layer)

    def update(self, batch: Batch) -> None:
        """Take in a batch's features.

        Raises:
            FloatingPointError: a feature is NaN or infinite; the message names the samples.
        """
        if batch.features is None:
            raise ValueError(f"{type(self).__name__} needs the features of {self.extractor}, but the batch has none")
        self.references = batch.references
        features = dict(zip(("reference", "reconstruction"), batch.features.get(self.extractor), strict=True))
        sides: tuple[Side, ...] = ("reconstruction",)
        if self.wants != "nothing" and self.references is None:
            sides = ("reference", "reconstruction")
            if not features["reference"]:
                raise ValueError(f"{type(self).__name__} needs references, but the batch has none")
        for side in sides:
            rows = features[side][self.layer]
            finite = torch.isfinite(rows).all(1).cpu()
            if not bool(finite.all()):
                bad = ", ".join(str(i) for i in batch.index[~finite].tolist()[:5])
                raise FloatingPointError(
                    f"{int((~finite).sum())} of {len(rows)} {self.extractor} features of the {side} "
                    f"are not finite (samples {bad})"
                )
            getattr(self, f"rows_{side}").append(rows)
        self.remember(batch)
        # Batches on a GPU mean that there is one for the heavy products at the end too.
        if batch.reconstruction.device.type == "cuda":
            self.heavy_device = batch.reconstruction.device

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.heavy_device = self.device  # there may be no batch left

    def compute(self) -> dict[str, Estimate]:
        """The estimates; unavailable, with the reason, where the samples or the references do not allow them."""
        try:
            return self.estimates()
        except Unavailable as reason:
            always = [name for name, value in self.outputs.items() if value.always]
            return {name: self.unavailable(name, reason.cause, self.n, reason.remedy) for name in always}

    @abstractmethod
    def estimates(self) -> dict[str, Estimate]:
        """The estimates by name; may raise Unavailable, which ``compute`` turns into unavailable values."""

    @property
    def n(self) -> int:
        """The number of samples seen."""
        return len(self.stacked("indices"))

    @property
    def paired(self) -> bool:
        """Whether each sample is compared with its own input."""
        return self.references is None

    @property
    def engine(self) -> Engine:
        """What ``compute`` does its heavy arithmetic with, sized by the memory that is free now."""
        return Engine.on(self.heavy_device)

    def rows(self, side: Side, positions: np.ndarray, engine: Engine = PROCESSOR) -> torch.Tensor:
        """Features of one side, float32 ``[N, dim]``, row k of the sample that was the ``positions[k]``-th to arrive.

        Args:
            engine: they are on its device if it has room for them; else, and by default, in the processor's memory.
        """
        chunks = getattr(self, f"rows_{side}")
        return engine.gathered([chunks] if isinstance(chunks, torch.Tensor) else chunks, positions)

    def reference_rows(self, order: np.ndarray, engine: Engine = PROCESSOR) -> torch.Tensor:
        """Features that samples in this order are compared with: their inputs' ``[N, dim]``, or the fixed set's."""
        if self.references is None:
            return self.rows("reference", order, engine)
        return engine.staged(self.references.rows(self.extractor, self.layer))

    def blocks(self, order: np.ndarray) -> Blocks:
        """Jackknife blocks of the samples in the given order."""
        of = assign_blocks(self.stacked("groups")[order])
        return Blocks(of, np.bincount(of))

    def by_block(self) -> tuple[np.ndarray, np.ndarray]:
        """An order of the samples, block after block and each in the dataset's order, and the bounds of the blocks.

        Returns:
            positions in order of arrival ``[N]``; where each block begins, and where the last ends ``[blocks + 1]``.
        """
        order = self.order()
        blocks = self.blocks(order)
        return order[np.argsort(blocks.of, kind="stable")], np.concatenate([[0], np.cumsum(blocks.sizes)])

    def sets(self) -> Sets:
        """The features of samples and references.

        Raises:
            Unavailable: the references have no features.
        """
        order, bounds = self.by_block()
        return Sets(self.rows("reconstruction", order), self.reference_rows(order), bounds, self.paired)


class SetDistance(SetMetric):
    """A set metric that is a function of two sets; its error comes from recomputing it without each block.

    Class attributes: ``least`` is how many samples and references it needs.
    """

    least: ClassVar[int] = 2

    @abstractmethod
    def compare(self, samples: torch.Tensor, references: torch.Tensor) -> Mapping[str, float]:
        """The values by name, of features float32 ``[n, dim]`` and ``[m, dim]``."""

    def estimates(self) -> dict[str, Estimate]:
        sets = self.sets()
        n, m = len(sets.samples), len(sets.references)
        if min(n, m) < self.least:
            raise Unavailable(f"it needs at least {self.least} samples and references; there are {n} and {m}")
        found = self.compare(sets.samples, sets.references)
        if reason := too_few_to_leave_out(sets.bounds, self.least):
            return {
                name: self.describe(name, Estimate(value=value, n=n, method=reason)) for name, value in found.items()
            }
        blocks = range(len(sets.sizes)) if len(sets.sizes) > 1 else ()
        rest = [self.compare(*sets.without(block)) for block in blocks]
        estimates = {}
        for name, value in found.items():
            without = [values[name] for values in rest]
            estimate = block_jackknife(value, sets.sizes, without.__getitem__)
            estimates[name] = self.describe(name, estimate if sets.paired else about_samples(estimate))
        return estimates
