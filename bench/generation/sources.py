"""Where images come from: an array file, a folder, a registered data set. All of one size, streamed in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from bench.canonical import digest
from bench.datasets.base import BadSample, Dataset
from bench.datasets.contents import content_hashes
from bench.datasets.image_folder import ImageFolder
from bench.datasets.loader import ordered
from bench.errors import BenchError
from bench.generation.arrays import ImageArray

AS_THEY_ARE = {"crop": "none", "resize": "none", "size": 1, "smaller": "skip"}
"""Preprocessing that changes nothing."""


class ImageSource(ABC):
    """A fixed, ordered set of images of one size.

    Attributes:
        name: for people, and in protocols.
        skipped: images that could not be read, and why; complete once ``batches`` has ended.
    """

    name: str

    def __init__(self) -> None:
        self.skipped: dict[str, str] = {}

    @abstractmethod
    def __len__(self) -> int:
        """Images, those included that will turn out to be unreadable."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 over the contents, in order."""

    @abstractmethod
    def id(self, index: int) -> str:
        """The image's id."""

    @abstractmethod
    def batches(self, size: int, workers: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Indices int64 ``[batch]`` and images uint8 ``[batch, 3, height, width]``.

        Raises:
            BenchError: the images are of different sizes, or cannot be read.
        """


class ArraySource(ImageSource):
    """The images of an array file.

    Args:
        limit: only the first so many.
    """

    def __init__(self, path: Path, limit: int | None = None) -> None:
        super().__init__()
        self.name, self.array, self.limit = path.name, ImageArray.open(path), limit

    def __len__(self) -> int:
        return self.array.n if self.limit is None else min(self.limit, self.array.n)

    @cached_property
    def fingerprint(self) -> str:
        return file_hash(self.array.path)

    def id(self, index: int) -> str:
        return str(index)

    def batches(self, size: int, workers: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return self.array.batches(size, len(self))


class DatasetSource(ImageSource):
    """The images of a data set, as its preprocessing makes them."""

    def __init__(self, dataset: Dataset, name: str) -> None:
        super().__init__()
        self.dataset, self.name = dataset, name

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def fingerprint(self) -> str:
        return self.dataset.fingerprint

    def id(self, index: int) -> str:
        return self.dataset.id(index)

    def batches(self, size: int, workers: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        indices: list[int] = []
        images: list[torch.Tensor] = []
        first: tuple[str, torch.Size] | None = None
        for index, sample in ordered(self.dataset, workers, prefetch=2 * size):
            if isinstance(sample, BadSample):
                self.skipped[self.id(index)] = str(sample)
                continue
            first = first or (sample.id, sample.signal.shape)
            if sample.signal.shape != first[1]:
                one, other = (
                    f"{name} is {shape[2]}x{shape[1]}" for name, shape in (first, (sample.id, sample.signal.shape))
                )
                raise BenchError(
                    f"{self.name}: images of different sizes: {one}, {other}. Give images as they were generated, "
                    "or a protocol whose preprocessing crops them"
                )
            indices.append(index)
            images.append(sample.signal)
            if len(images) == size:
                yield torch.tensor(indices), torch.stack(images)
                indices, images = [], []
        if images:
            yield torch.tensor(indices), torch.stack(images)


def folder_source(path: Path, preprocessing: dict[str, Any] | None) -> DatasetSource:
    """The images of a folder, as they are if there is no preprocessing."""
    return DatasetSource(ImageFolder(preprocessing or AS_THEY_ARE, data=str(path)), path.name)


def file_hash(path: Path) -> str:
    """sha256 over a file's contents; remembered, because such files have gigabytes."""
    (found,) = content_hashes([path], path.absolute())
    if found is None:
        raise BenchError(f"{path}: cannot be read")
    return digest({"file": found})
