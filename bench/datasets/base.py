"""The dataset contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from bench.errors import BenchError
from bench.machine.canonical import digest

SILENT, FAINT, CANCELLED = "silent", "nearly silent", "cancelled by mixing"
"""Conversions that leave nothing, or next to nothing, of a clip to measure."""

DOUBTFUL = {
    SILENT: "are silent",
    FAINT: "are nearly silent (below -60 dBFS), so that what is measured of them is noise",
    CANCELLED: "lose more than 20 dB when their channels, in opposite phase, are mixed down "
    "(in a --protocol file preprocessing: {channels: first} takes one channel)",
}
"""What warnings say of clips by their conversion."""


class BadSample(Exception):
    """A sample that cannot be measured; the message says why. Runs count and name it, and go on."""


class NoReconstruction(BadSample):
    """A sample without a usable reconstruction, made elsewhere: the system failed on it, and the message says how."""


@dataclass(frozen=True)
class Sample:
    """One sample of a dataset.

    Attributes:
        id: name that stays the same from run to run, such as the path within the folder.
        group: number of the independent unit it comes from (photograph, speaker).
        signal: an image is uint8 ``[3, height, width]``, audio float32 ``[channels, samples]`` in [-1, 1].
        conversions: what had to be done to the stored form (``"cmyk"``, ``"16-bit"``), for the record.
        rate: samples per second of audio; 0 for images.
        stored: form of the stored sample where samples differ in it (``"8000 Hz, 1 channel"``), for the record.
        transcript: what is said, as the dataset writes it; None where it gives no transcript.
        language: ISO 639-1 code (``"en"``) of what is said; empty where it is not known.
        label: number of its class; None where the dataset has none.
    """

    id: str
    group: int
    signal: torch.Tensor
    conversions: tuple[str, ...] = ()
    rate: int = 0
    stored: str = ""
    transcript: str | None = None
    language: str = ""
    label: int | None = None


class Dataset(ABC):
    """A fixed, ordered collection of samples, as the protocol's preprocessing makes them.

    ``settings`` is the protocol's section on preprocessing. Samples are read on demand, by several
    threads at once.

    Attributes:
        classes: names of the classes that the samples' labels number; empty where there are none.
        remarks: sentences on the data as a whole that a reader of its numbers should know.
        language: ISO 639-1 code of what is said; empty where nothing is said or it is not known.
    """

    name: ClassVar[str]
    modality: ClassVar[str] = "image"
    split: str
    classes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    language: str = ""

    def __init__(self, settings: dict[str, Any], split: str, data: str | None = None) -> None:
        self.settings = settings
        self.split = split
        self.data = data

    @abstractmethod
    def __len__(self) -> int:
        """The number of samples, unreadable ones included."""

    @abstractmethod
    def load(self, index: int) -> Sample:
        """The sample at a position; raises BadSample if it cannot be measured."""

    @abstractmethod
    def id(self, index: int) -> str:
        """The sample's id, without reading it."""

    @cached_property
    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 over the ids and stored contents of the split, in order."""

    def transcript(self, index: int) -> str | None:
        """What is said in a sample, without reading it; None where the dataset has no transcript of it."""
        return None

    def size(self, index: int) -> tuple[int, int] | None:
        """Width and height of a sample that is an image, without decoding it; None where that is unknown.

        Raises:
            BadSample: the sample cannot be measured.
        """
        return None

    def sizes(self) -> set[tuple[int, int]]:
        """The distinct (width, height) pairs of all images that can be measured."""
        sizes = set()
        for index in range(len(self)):
            with suppress(BadSample):
                sizes.add(self.size(index))
        return {size for size in sizes if size}

    def fit_split(self) -> Dataset | None:
        """Samples that share no group with these, to fit tokenizers on; None if there are none."""
        return None

    def training_split(self) -> Dataset | None:
        """Samples that share no group with these, to train models of tokens on; preprocessed alike, so grids agree."""
        return self.fit_split()

    def __iter__(self) -> Iterator[Sample]:
        for index in range(len(self)):
            yield self.load(index)


class Limited(Dataset):
    """The first ``n`` samples of a dataset, or all if there are fewer. Its fingerprint is the whole dataset's.

    Raises:
        BenchError: ``n`` is not positive.
    """

    def __init__(self, dataset: Dataset, n: int) -> None:
        if n < 1:
            raise BenchError(f"limit {n}: at least one sample is needed")
        super().__init__(dataset.settings, dataset.split, dataset.data)
        self.whole = dataset
        self.limit = n
        self.name, self.modality = dataset.name, dataset.modality  # type: ignore[misc]
        self.classes, self.remarks, self.language = dataset.classes, dataset.remarks, dataset.language

    def __len__(self) -> int:
        return min(self.limit, len(self.whole))

    def load(self, index: int) -> Sample:
        return self.whole.load(range(len(self))[index])

    def id(self, index: int) -> str:
        return self.whole.id(range(len(self))[index])

    def transcript(self, index: int) -> str | None:
        return self.whole.transcript(range(len(self))[index])

    def size(self, index: int) -> tuple[int, int] | None:
        return self.whole.size(range(len(self))[index])

    @cached_property
    def fingerprint(self) -> str:
        return self.whole.fingerprint

    def fit_split(self) -> Dataset | None:
        return self.whole.fit_split()

    def training_split(self) -> Dataset | None:
        return self.whole.training_split()


class Spread(Limited):
    """``n`` samples of a dataset, evenly spaced, so that every folder gets its share.

    Raises:
        BenchError: ``n`` is not positive.
    """

    def load(self, index: int) -> Sample:
        return self.whole.load(self._place(index))

    def id(self, index: int) -> str:
        return self.whole.id(self._place(index))

    def transcript(self, index: int) -> str | None:
        return self.whole.transcript(self._place(index))

    def size(self, index: int) -> tuple[int, int] | None:
        return self.whole.size(self._place(index))

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the fingerprint of the whole dataset and the number of samples chosen."""
        whole = self.whole.fingerprint
        return whole if len(self) == len(self.whole) else digest({"whole": whole, "evenly spaced": len(self)})

    def _place(self, index: int) -> int:
        return range(len(self))[index] * len(self.whole) // len(self)
