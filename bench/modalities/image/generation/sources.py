"""Sources of images of one size, streamed in order: an array file, a folder, a registered dataset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from bench.datasets.base import BadSample, Dataset
from bench.datasets.loader import prepared
from bench.errors import BenchError
from bench.machine.canonical import digest
from bench.machine.contents import SLICE, THREADS
from bench.machine.file_hashes import file_sha256
from bench.modalities.image.datasets.image_folder import ImageFolder
from bench.modalities.image.datasets.images import ImagePreprocessing, pixels_of
from bench.modalities.image.datasets.resize import Box
from bench.modalities.image.generation.arrays import ImageArray

if TYPE_CHECKING:
    from bench.machine.ranks import Ranks

AS_THEY_ARE = {"crop": "none", "resize": "none", "size": 1, "smaller": "skip"}
"""The preprocessing that changes nothing."""


class ImageSource(ABC):
    """A fixed, ordered set of images of one size.

    Attributes:
        name: name in messages and protocols.
        skipped: images that could not be read, and why; complete once ``batches`` has ended, like
        converted: what had to be done to which images.
    """

    name: str

    def __init__(self) -> None:
        self.skipped: dict[str, str] = {}
        self.converted: dict[str, list[str]] = {}

    @abstractmethod
    def __len__(self) -> int:
        """The number of images, unreadable ones included."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 over the contents, in order."""

    @abstractmethod
    def id(self, index: int) -> str:
        """The image's id."""

    def block(self, size: int) -> int:
        """Positions of the blocks that :meth:`batches` gives where it is asked for blocks of ``size``."""
        return size

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here."""
        return {"skipped": dict(self.skipped), "converted": {what: list(ids) for what, ids in self.converted.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""
        self.skipped, self.converted = state["skipped"], state["converted"]

    def reduce(self, ranks: Ranks) -> None:
        """Bring what all ranks noted together."""
        for noted in ranks.exchange((self.skipped, self.converted))[1:] if ranks.size > 1 else ():
            self.skipped |= noted[0]
            for what, ids in noted[1].items():
                self.converted[what] = self.converted.get(what, []) + ids

    def require_usable(self) -> None:
        """Raise BenchError if the images' headers show different sizes, or that fewer than 2 can be read."""
        return

    @abstractmethod
    def batches(
        self, size: int, workers: int, start: int = 0, step: int = 1
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Indices int64 ``[batch]`` and images uint8 ``[batch, 3, height, width]`` of blocks of positions.

        Args:
            size: positions of a block; those that cannot be read are left out, perhaps all of them.
            workers: threads that read.
            start, step: the first block, and how many further on the next one is.

        Raises:
            BenchError: the images are of different sizes, or cannot be read.
        """


class ArraySource(ImageSource):
    """The images of an array file, as they are or preprocessed like those of a folder.

    Args:
        limit: most images that are read, from the first; tiles count as images.
        preprocessing: preprocessing of the images; None leaves them as they are.
        section: section of a protocol that states it, for messages.

    Raises:
        BenchError: there are no such images, or they are too small for the preprocessing.
    """

    def __init__(
        self,
        path: Path,
        limit: int | None = None,
        preprocessing: dict[str, Any] | None = None,
        section: str = "preprocessing",
    ) -> None:
        super().__init__()
        self.name, self.array, self.limit = path.name, ImageArray.open(path), limit
        self.preprocessing = None if preprocessing is None else ImagePreprocessing(**preprocessing)
        self.boxes: Sequence[Box | None] = [None]
        if self.preprocessing:
            try:
                self.boxes = self.preprocessing.boxes(self.array.width, self.array.height)
            except BadSample as error:
                raise BenchError(f"{path}: {error}, which {section} of the protocol asks for") from error

    def __len__(self) -> int:
        whole = self.array.n * len(self.boxes)
        return whole if self.limit is None else min(self.limit, whole)

    @cached_property
    def fingerprint(self) -> str:
        return file_hash(self.array.path)

    def id(self, index: int) -> str:
        number, part = divmod(index, len(self.boxes))
        box = self.boxes[part]
        return str(number) if box is None else f"{number}#x{box[0]}y{box[1]}"

    def batches(
        self, size: int, workers: int, start: int = 0, step: int = 1
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        wanted = range(start, -(-len(self) // size), step)
        if self.preprocessing is not None:
            yield from self._preprocessed(self.preprocessing, size, workers, wanted)
            return
        for indices, images in self.array.batches(size, len(self)):
            if int(indices[0]) // size in wanted:
                yield indices, images

    def _preprocessed(
        self, preprocessing: ImagePreprocessing, size: int, workers: int, wanted: range
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        with ThreadPoolExecutor(max(1, workers)) as pool:
            for numbers, images in self.array.batches(size, -(-len(self) // len(self.boxes))):
                first = int(numbers[0]) * len(self.boxes)
                stop = min((int(numbers[-1]) + 1) * len(self.boxes), len(self))
                for start in range(first, stop, size):
                    if start // size not in wanted:
                        continue
                    indices = range(start, min(start + size, stop))
                    samples = list(pool.map(partial(self._sample, preprocessing, images, int(numbers[0])), indices))
                    for index, (_, notes) in zip(indices, samples, strict=True):
                        for what in notes:
                            self.converted.setdefault(what, []).append(self.id(index))
                    yield torch.tensor(indices), torch.stack([signal for signal, _ in samples])

    def _sample(
        self, preprocessing: ImagePreprocessing, images: torch.Tensor, first: int, index: int
    ) -> tuple[torch.Tensor, tuple[str, ...]]:
        """The sample at a position, out of the stored images from ``first`` on."""
        number, part = divmod(index, len(self.boxes))
        stored = Image.fromarray(images[number - first].permute(1, 2, 0).numpy())
        image, notes = preprocessing.apply(stored, self.boxes[part])
        return pixels_of(image), notes


class DatasetSource(ImageSource):
    """The images of a dataset, as its preprocessing makes them.

    Args:
        section: section of a protocol that states the preprocessing, for messages.
    """

    def __init__(self, dataset: Dataset, name: str, section: str = "preprocessing") -> None:
        super().__init__()
        self.dataset, self.name, self.section = dataset, name, section

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def fingerprint(self) -> str:
        return self.dataset.fingerprint

    def id(self, index: int) -> str:
        return self.dataset.id(index)

    def require_usable(self) -> None:
        def part(start: int) -> list[tuple[int, int] | BadSample | None]:
            return [self._size(index) for index in range(start, min(start + SLICE, len(self)))]

        with ThreadPoolExecutor(THREADS) as pool:
            sizes = [size for sizes in pool.map(part, range(0, len(self), SLICE)) for size in sizes]
        bad = [index for index, size in enumerate(sizes) if isinstance(size, BadSample)]
        if bad and len(sizes) - len(bad) < 2:
            raise BenchError(
                f"{self.name}: {len(sizes) - len(bad)} of {len(sizes)} images can be read, and sets need 2; "
                f"{self.id(bad[0])}: {sizes[bad[0]]}"
            )
        readable = [(index, size) for index, size in enumerate(sizes) if isinstance(size, tuple)]
        for index, size in readable:
            if size != readable[0][1]:
                raise self._mixed(*((self.id(number), measured) for number, measured in (readable[0], (index, size))))

    def _size(self, index: int) -> tuple[int, int] | BadSample | None:
        try:
            return self.dataset.size(index)
        except BadSample as error:
            return error

    def _mixed(self, *named: tuple[str, tuple[int, int]]) -> BenchError:
        first, second = (f"{name} is {width}x{height}" for name, (width, height) in named)
        side = min(side for _, size in named for side in size)
        return BenchError(
            f"{self.name}: images of different sizes: {first}, {second}. Give images as they were generated, or a "
            f"--protocol file that crops them ({self.section}: {{crop: center, size: {side}}})"
        )

    def batches(
        self, size: int, workers: int, start: int = 0, step: int = 1
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        first: tuple[str, tuple[int, int]] | None = None
        indices: list[int] = []
        images: list[torch.Tensor] = []
        blocks = [range(at * size, min((at + 1) * size, len(self))) for at in range(start, -(-len(self) // size), step)]
        ends = {block[-1] for block in blocks}
        positions = [position for block in blocks for position in block]
        for index, sample in prepared(self.dataset, positions, lambda sample: sample, workers, prefetch=2 * size):
            if isinstance(sample, BadSample):
                self.skipped[self.id(index)] = str(sample)
            else:
                sized = (sample.id, (sample.signal.shape[2], sample.signal.shape[1]))
                first = first or sized
                if sized[1] != first[1]:
                    raise self._mixed(first, sized)
                for what in sample.conversions:
                    self.converted.setdefault(what, []).append(sample.id)
                indices.append(index)
                images.append(sample.signal)
            if index in ends:
                yield (
                    torch.tensor(indices, dtype=torch.int64),
                    torch.stack(images) if images else torch.zeros(0, 3, 0, 0),
                )
                indices, images = [], []


def folder_source(path: Path, preprocessing: dict[str, Any] | None) -> DatasetSource:
    """The images of a folder, unchanged if ``preprocessing`` is None."""
    return DatasetSource(ImageFolder(preprocessing or AS_THEY_ARE, data=str(path)), path.name)


def file_hash(path: Path) -> str:
    """sha256 over a file's contents; cached, because such files have gigabytes. BenchError if it cannot be read."""
    try:
        return digest({"file": file_sha256(path)})
    except OSError as error:
        raise BenchError(f"{path}: cannot be read") from error
