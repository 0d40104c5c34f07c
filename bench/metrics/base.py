"""The metric contract: torchmetrics states, and estimates with error bars for the values of a registry line."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from bench import registry
from bench.contracts.stats import Estimate, clustered_mean
from bench.contracts.tokens import Codebook, Tokens
from bench.machine.mapped_arrays import reordered
from bench.metrics.states import TorchMetric
from bench.values import Value, by_name, whole

if TYPE_CHECKING:
    from bench.datasets.base import Dataset
    from bench.machine.ranks import Ranks
    from bench.registry import Entry

MAX_PIECES = 32

Need = Literal["reconstruction", "timing"]
"""What a metric needs of a system: that it decodes, or that it runs here, so that its speed and memory are known."""
TIMING: frozenset[Need] = frozenset({"timing"})
TIMED_BATCHES = 32
"""The number of batches that are timed by default."""
ENCODES_ONLY = "this tokenizer encodes only"

Wants = Literal["nothing", "images", "features", "statistics"]
"""What a metric needs of a reference set: its pixels, features of its images, or their mean and covariance at least."""


class Settings(BaseModel):
    """The settings of a metric; the protocol states and hashes them, defaults included."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass
class Batch:
    """What the streaming loop hands to every metric after a batch.

    Attributes:
        index: position of each sample in the dataset, int64 ``[batch]``. Metrics sort by it, so
            results depend neither on the batch size nor on the rank that saw a sample.
        group: independent group (photograph, speaker) of each sample, int64 ``[batch]``.
        reference: the input as the protocol defines it: images ``[batch, 3, height, width]``, audio an ``Audio``.
        reconstruction: what came back, clamped and rounded as the protocol says, like ``reference``; None where
            nothing is decoded, which no metric sees that needs it.
        tokens: what the tokenizer emitted.
        features: named deep features of reference and reconstruction, computed once per batch.
        references: the set that generated images are compared with, where there are no pairs.
        timed: whether the system was timed on this batch; a protocol states on how many it is.
        rank: the process that measured it, of those that measure the cell together.
        encode_seconds, decode_seconds: time of the whole batch, the device synchronized at both ends; NaN for what
            the system does not do.
        peak_bytes: peak memory of the system so far; None where the operating system does not report it.
        ids: the samples' ids.
        total: samples of the whole set, unreadable ones included; None if unknown.
        transcripts: what is said in each sample, None where the dataset has no transcript; empty for images.
        languages: ISO 639-1 code of each transcript.
        nominal_bitrate: bits per second that an audio codec is set to.
    """

    index: torch.Tensor
    group: torch.Tensor
    reference: Any
    reconstruction: Any
    tokens: Tokens
    features: FeatureSource | None = None
    references: ReferenceSource | None = None
    timed: bool = True
    rank: int = 0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    peak_bytes: int | None = None
    ids: tuple[str, ...] = ()
    total: int | None = None
    transcripts: tuple[str | None, ...] = ()
    languages: tuple[str, ...] = ()
    nominal_bitrate: float | None = None


class FeatureSource:
    """Deep features of one batch: ``get(extractor)`` returns those of references and of reconstructions."""

    def get(self, extractor: str) -> tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]]:
        """Features by layer name, of references and of reconstructions; computed on first use and kept."""
        raise NotImplementedError

    def keep(self, name: str, rows: torch.Tensor) -> torch.Tensor:
        """Float32 rows ``[n, dim]`` that a metric keeps: copied to disk where there is a place for them, else as given.

        Args:
            name: the name under which a metric keeps its rows, all of one length.
        """
        return rows

    def restore(self) -> None:
        """Undo what a metric wrote into the features, which other metrics share."""


class ReferenceSource:
    """The fixed set that generated images, which have no originals, are compared with."""

    def rows(self, extractor: str, layer: str) -> torch.Tensor:
        """Features of all its images, float32 ``[images, dim]``.

        Raises:
            Unavailable: it has no images; the message says what to give instead.
        """
        raise NotImplementedError

    def statistics(self, extractor: str, layer: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Mean ``[dim]`` and covariance ``[dim, dim]`` in float64 that come with it; None if they follow from rows.

        Raises:
            Unavailable: it comes with statistics, but of other features.
        """
        raise NotImplementedError

    def images(self) -> tuple[int, Iterator[tuple[torch.Tensor, torch.Tensor]]]:
        """The number of images, unreadable ones included, and batches of those that can be read.

        A batch is the index of each image in the set, int64 ``[batch]``, and uint8
        ``[batch, 3, height, width]``.

        Raises:
            Unavailable: it has no images; the message says what to give instead.
        """
        raise NotImplementedError


class Metric(TorchMetric):
    """Base of all metrics: call ``update(batch)`` for every batch, then ``compute()`` for the estimates by name.

        class PSNR(PerSampleMetric, line="psnr"): ...

    ``line`` is the metric's registry line, or the name of a built-in one; ``ENTRY`` of the class does the same.
    ``outputs``, every value by its name, and ``weights``, the files of ``bench/machine/weights.py`` that the metric
    needs, are read from it. A metric of another package that has no line states ``outputs``, ``weights``, its
    ``modality`` (``image``, ``audio``, several, empty for any), and if it judges sets of generated samples
    ``judges = "generation"``.

    Further class attributes: ``version`` is raised when a value changes, ``Settings`` is the model of its section in
    the protocol, ``wants`` is what it needs of :attr:`Batch.references`, ``needs`` what it needs of a system: of one
    that lacks it, the metric is unavailable and never built.

    ``settings`` is that section of the protocol, ``codebooks`` what the tokenizer declares,
    ``weights`` the verified file of each name in the class's ``weights``.
    """

    outputs: ClassVar[Mapping[str, Value]] = {}
    modality: ClassVar[str | tuple[str, ...]]
    judges: ClassVar[str | tuple[str, ...]] = "reconstruction"
    version: ClassVar[int] = 1
    weights: ClassVar[tuple[str, ...]] = ()
    wants: ClassVar[Wants] = "nothing"
    needs: ClassVar[frozenset[Need]] = frozenset({"reconstruction"})
    Settings: ClassVar[type[Settings]] = Settings
    carried: ClassVar[tuple[str, ...]] = ()
    """Attributes that ``update`` changes besides the states: text, numbers, and lists of them."""
    on_disk: ClassVar[tuple[str, ...]] = ()
    """List states of float32 rows on disk, which never come into memory as a whole."""
    full_state_update = False
    system: str = ""
    """Name of the measured system."""

    def __init_subclass__(cls, line: str | Entry | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        entry = registry.line(line) if isinstance(line, str) else line or cls.__dict__.get("ENTRY")
        if entry and entry.values:
            cls.outputs, cls.weights = by_name(entry.values), entry.weights

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        codebooks: tuple[Codebook, ...] = (),
        weights: Mapping[str, Path] | None = None,
    ) -> None:
        super().__init__()
        self.settings = self.Settings(**(settings or {}))
        self.codebooks = codebooks
        self.weight_files = dict(weights or {})
        self.add_state("indices", default=[], dist_reduce_fx="cat")
        self.add_state("groups", default=[], dist_reduce_fx="cat")

    def remember(self, batch: Batch) -> None:
        """Keep the indices and groups of a batch; every ``update`` must call it."""
        self.keep("indices", batch.index)
        self.keep("groups", batch.group)

    def keep(self, state: str, values: torch.Tensor) -> None:
        """Append to a list state.

        Pieces are joined on the CPU from time to time: small tensors that stay, scattered among large ones that come
        and go, keep the allocator from reusing the memory between them. Until then those on a GPU stay there, where
        each copy would wait for everything before it.
        """
        pieces = getattr(self, state)
        pieces.append(values.detach())
        if len(pieces) >= MAX_PIECES:
            pieces[:] = [_joined(pieces)]

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on where this metric is: its states, which it shares, and attributes."""
        return {
            "states": {name: getattr(self, name) for name in self._defaults},
            "carried": {name: getattr(self, name) for name in self.carried},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another instance was."""
        for name, value in state["states"].items():
            setattr(self, name, value.to(self.device) if isinstance(value, torch.Tensor) else list(value))
        for name, value in state["carried"].items():
            setattr(self, name, value)

    def reduce(self, ranks: Ranks) -> None:
        """Bring the states of all ranks together on the first, as each state's ``dist_reduce_fx`` says.

        Of the attributes in ``carried`` lists are joined; of others the first that is not empty is taken.
        """
        self.finish()
        for name in self.carried:
            given = ranks.exchange(getattr(self, name))
            listed = isinstance(given[0], list)
            setattr(self, name, list(chain(*given)) if listed else next(filter(None, given), given[0]))
        collected = {}
        for name in self.on_disk:
            rows = getattr(self, name)
            joined = reordered(rows, np.arange(sum(map(len, rows)))) if rows else torch.zeros(0)
            collected[name] = [part for part in ranks.collect(joined) if len(part)]
            setattr(self, name, [])
        self._sync_dist(ranks.collect)
        self._to_sync = False  # by ``compute``, which only the first rank calls
        for name, parts in collected.items():
            setattr(self, name, parts)

    def _sync_dist(self, *args: Any, **kwargs: Any) -> None:
        for name in self._defaults:
            if isinstance(pieces := getattr(self, name), list):
                pieces[:] = [piece.cpu() for piece in pieces]
        super()._sync_dist(*args, **kwargs)

    def finish(self) -> None:
        """Wait for what ``update`` left to others; nothing here."""

    def order(self) -> np.ndarray:
        """Permutation that puts the samples seen into the dataset's order."""
        return np.argsort(self.stacked("indices"), kind="stable")

    def stacked(self, state: str) -> np.ndarray:
        """A list state as one array, in order of arrival."""
        values = getattr(self, state)
        pieces = [values] if isinstance(values, torch.Tensor) else values
        return _joined(pieces).numpy() if len(pieces) else np.zeros(0)

    @classmethod
    def settle(cls, settings: BaseModel) -> BaseModel:
        """The settings as the protocol states them: with the revisions of what they name filled in.

        Raises:
            Unavailable: what they name is not on this machine; the message says how to get it.
        """
        return settings

    @classmethod
    def warnings(cls, settings: BaseModel, dataset: Dataset) -> list[str]:
        """Sentences on what will make the values meaningless on this dataset, as far as it is known beforehand."""
        return []

    @abstractmethod
    def update(self, batch: Batch) -> None:
        """Take in one batch."""

    @abstractmethod
    def compute(self) -> dict[str, Estimate]:
        """The estimates by name: every output that is always given, and details such as ``NAME_level_0``."""

    def samples(self) -> dict[str, np.ndarray]:
        """Per-sample values by name, in the dataset's order; empty for set-level metrics."""
        return {}

    @classmethod
    def declared(cls, name: str) -> Value:
        """The declaration of an output; for a detail (``_level_0``, ``_joint``) that of its whole.

        Raises:
            KeyError: the metric declares no such value.
        """
        return cls.outputs[name] if name in cls.outputs else cls.outputs[whole(name)]

    @classmethod
    def describe(cls, name: str, estimate: Estimate, note: str = "") -> Estimate:
        """The estimate with the declared unit and direction of an output, and a note if given."""
        return estimate.described_by(cls.declared(name), note)

    @classmethod
    def unavailable(cls, name: str, reason: str, n: int = 0, remedy: str = "") -> Estimate:
        """An estimate without a value, with the reason and the remedy."""
        return cls.describe(name, Estimate(value=None, n=n, unavailable=reason, remedy=remedy))


def _joined(pieces: Sequence[torch.Tensor]) -> torch.Tensor:
    """Tensors of perhaps several devices as one on the CPU."""
    return torch.cat([piece.cpu() for piece in pieces])


class PerSampleMetric(Metric):
    """A metric with one value per sample and name; the estimate is their mean.

    Subclasses define ``score``. A value that is not finite counts as a failure of that sample.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.outputs:
            self.add_state(f"value_{name}", default=[], dist_reduce_fx="cat")

    @abstractmethod
    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Values ``[batch]`` by output name."""

    def update(self, batch: Batch) -> None:
        self.remember(batch)
        for name, values in self.score(batch).items():
            self.keep(f"value_{name}", values.to(torch.float64))

    def samples(self) -> dict[str, np.ndarray]:
        order = self.order()
        return {name: self.stacked(f"value_{name}")[order] for name in self.outputs}

    def compute(self) -> dict[str, Estimate]:
        groups = self.stacked("groups")[self.order()]
        return {name: self.describe(name, clustered_mean(values, groups)) for name, values in self.samples().items()}
