"""Preprocessing of images as the protocol states it, and the base of the datasets made of image files."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.contracts.settings import validated
from bench.datasets.base import BadSample, Dataset, Sample
from bench.errors import BenchError
from bench.machine.canonical import digest
from bench.machine.contents import content_hashes
from bench.modalities.image.datasets.decode import Alpha, Orientation, decode, stored_size
from bench.modalities.image.datasets.resize import Box, Kernel, center_box, resize_short_side, resized_size, tile_boxes

UNREADABLE = "This protocol leaves no file out: repair the file, or move it out of the folder"

_T = TypeVar("_T")
_Decoded = tuple[Image.Image, tuple[str, ...]]


class ImagePreprocessing(BaseModel):
    """How a stored image becomes a sample; the protocol states and hashes every setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crop: Literal["tiles", "center", "none"] = Field(
        default="center",
        description="tiles: non-overlapping squares at native resolution from the top left, the remainder dropped; "
        "center: short side resized to size, then the center square; none: the whole image",
    )
    size: int = Field(default=256, ge=1, description="side of the crop; without one, the short side")
    resize: Kernel = Field(default="adm", description="kernel that brings the short side to size")
    antialias: bool = Field(default=True, description="whether tensor-bilinear antialiases; Pillow's kernels always do")
    smaller: Literal["skip", "upscale"] = Field(
        default="upscale", description="what becomes of images whose short side is below size"
    )
    orientation: Orientation = Field(default="ignore", description="whether EXIF's orientation is applied")
    alpha: Alpha = Field(default="drop", description="drop: the colors under it; white: composited over white")
    sixteen_bit: Literal["scale"] = Field(default="scale", description="gray to 8 bits: round(v / 257)")
    animated: Literal["first-frame"] = Field(default="first-frame", description="files of several frames or pages")
    unreadable: Literal["skip", "error"] = Field(
        default="skip", description="files that are damaged or not images: counted and named, or fatal"
    )

    @model_validator(mode="after")
    def _no_choice_without_effect(self) -> ImagePreprocessing:
        """Reject settings without effect, since protocols that do the same must be equal."""
        if self.smaller == "upscale" and self.resize == "none":
            raise ValueError("smaller 'upscale' needs a kernel: set resize, or set smaller to 'skip'")
        if self.crop == "tiles" and self.smaller == "skip" and self.resize != "none":
            raise ValueError("tiles are cut at native resolution: set resize to 'none', or smaller to 'upscale'")
        if not self.antialias and self.resize != "tensor-bilinear":
            raise ValueError("antialias can be off for resize 'tensor-bilinear' only")
        return self

    def resizes(self, width: int, height: int) -> bool:
        """Whether an image of this size is resized; tiles are only enlarged."""
        return self.resize != "none" and (self.crop != "tiles" or min(width, height) < self.size)

    def require_size(self, width: int, height: int) -> None:
        """Raise BadSample for an image that is too small and not to be enlarged."""
        if self.smaller == "skip" and min(width, height) < self.size:
            raise BadSample(f"{width}x{height} is smaller than {self.size}x{self.size}")

    def uncropped(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of an image of that size before it is cropped; BadSample if it is too small."""
        self.require_size(width, height)
        return resized_size(width, height, self.size, self.resize) if self.resizes(width, height) else (width, height)

    def boxes(self, width: int, height: int) -> Sequence[Box | None]:
        """The tiles that an image of that size is cut into; [None] without tiles. BadSample if it is too small."""
        uncropped = self.uncropped(width, height)
        return list(tile_boxes(*uncropped, self.size)) if self.crop == "tiles" else [None]

    def apply(self, image: Image.Image, tile: Box | None) -> tuple[Image.Image, tuple[str, ...]]:
        """The sample that an RGB image becomes, and the conversions that took.

        Args:
            tile: one of ``boxes`` if the image is cut into tiles.

        Raises:
            BadSample: the image is too small, or of another size than the tile was computed for.
        """
        notes: tuple[str, ...] = ()
        self.require_size(*image.size)
        if self.resizes(*image.size):
            notes = ("upscaled",) if min(image.size) < self.size else ()
            image = resize_short_side(image, self.size, self.resize, self.antialias)
        if self.crop == "none":
            return image, notes
        box = center_box(*image.size, self.size, self.resize) if self.crop == "center" else tile
        if box is None or box[2] > image.width or box[3] > image.height:
            raise BadSample("the file's header and its contents disagree on the size")
        return image.crop(box), notes


@dataclass(frozen=True)
class StoredImage:
    """An image file of a dataset: id, place, the independent unit it belongs to, and its class if it has one."""

    id: str
    path: Path
    group: int
    label: int | None = None


class ImageDataset(Dataset):
    """A dataset made of image files. Subclasses name the files and the default preprocessing.

    Class attributes: ``defaults`` is the preprocessing where the protocol states none, ``splits`` the splits,
    the first of which is the default. ``find`` may set ``root``, a folder whose hashes are worth caching.

    Args:
        settings: the protocol's preprocessing; what it leaves out is as in ``defaults``.
        split: one of ``splits``.
        data: where the files are, for datasets that need a path.

    Raises:
        BenchError: there is no such split or setting, or there are no data or files.
    """

    defaults: ClassVar[ImagePreprocessing]
    splits: ClassVar[tuple[str, ...]]
    root: Path | None = None

    def __init__(
        self, settings: Mapping[str, Any] | None = None, split: str | None = None, data: str | None = None
    ) -> None:
        split = self.splits[0] if split is None else split
        if split not in self.splits:
            raise BenchError(f"{self.name} has no split {split!r}; choose from {', '.join(self.splits)}")
        given = {**self.defaults.model_dump(), **(settings or {})}
        self.preprocessing = validated(ImagePreprocessing, given, f"preprocessing of {self.name}")
        super().__init__(self.preprocessing.model_dump(), split, data)
        self.files = self.find()
        self._decoded: _Recent[_Decoded] = _Recent(4)

    @abstractmethod
    def find(self) -> Sequence[StoredImage]:
        """The files of ``self.split`` in ``self.data``, in order; called once."""

    def __len__(self) -> int:
        return len(self._plan)

    def id(self, index: int) -> str:
        file, box = self._plan[index]
        return self.files[file].id if box is None else f"{self.files[file].id}#x{box[0]}y{box[1]}"

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of a sample, from its file's header where the preprocessing does not decide it.

        Raises:
            BadSample: the header cannot be read, or the image is too small, under a protocol that skips those.
            BenchError: the header cannot be read under a protocol where that is fatal.
        """
        number, _ = self._plan[index]
        with self._fatal_if_stated(self.files[number]):
            width, height = self._stored_size(self.files[number])
        width, height = self.preprocessing.uncropped(width, height)
        side = self.preprocessing.size
        return (width, height) if self.preprocessing.crop == "none" else (side, side)

    def load(self, index: int) -> Sample:
        """The sample at a position, uint8 ``[3, height, width]``.

        Raises:
            BadSample: its file is unreadable, or too small, under a protocol that skips those.
            BenchError: its file is unreadable under a protocol where that is fatal.
        """
        number, box = self._plan[index]
        file = self.files[number]
        with self._fatal_if_stated(file):
            # A large photograph has hundreds of tiles; it is not decoded for each.
            image, notes = self._decoded.get(number, lambda: self._decode(file)) if box else self._decode(file)
        image, more = self.preprocessing.apply(image, box)
        signal = pixels_of(image)
        return Sample(self.id(index), file.group, signal, notes + more, label=file.label)

    def __iter__(self) -> Iterator[Sample]:
        """The samples that can be measured, in order, as fitting needs them."""
        for index in range(len(self)):
            try:
                yield self.load(index)
            except BadSample:
                continue

    @cached_property
    def hashes(self) -> list[str | None]:
        """sha256 of each file; None for a file that cannot be read."""
        return content_hashes([file.path for file in self.files])

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the split's name and each file's id and contents, in order."""
        contents = [[file.id, sha256] for file, sha256 in zip(self.files, self.hashes, strict=True)]
        return digest({"split": self.split, "files": contents})

    @cached_property
    def _plan(self) -> list[tuple[int, Box | None]]:
        """File and tile of each sample; without tile where the file is one sample, or none at all."""
        if self.preprocessing.crop != "tiles":
            return [(number, None) for number in range(len(self.files))]
        with ThreadPoolExecutor(8) as pool:
            tiles = list(pool.map(self._tiles, self.files))
        return [(number, box) for number, boxes in enumerate(tiles) for box in boxes]

    def _tiles(self, file: StoredImage) -> Sequence[Box | None]:
        try:
            return self.preprocessing.boxes(*self._stored_size(file))
        except BadSample:  # ``load`` will say so
            return [None]

    @contextmanager
    def _fatal_if_stated(self, file: StoredImage) -> Iterator[None]:
        """Turn a BadSample in the block into a BenchError if the protocol makes it fatal."""
        try:
            yield
        except BadSample as error:
            if self.preprocessing.unreadable == "error":
                raise BenchError(f"{file.path}: {error}. {UNREADABLE}") from error
            raise

    def _stored_size(self, file: StoredImage) -> tuple[int, int]:
        return stored_size(file.path, orientation=self.preprocessing.orientation)

    def _decode(self, file: StoredImage) -> _Decoded:
        return decode(file.path, orientation=self.preprocessing.orientation, alpha=self.preprocessing.alpha)


def pixels_of(image: Image.Image) -> torch.Tensor:
    """An RGB image as uint8 ``[3, height, width]``."""
    return torch.from_numpy(np.array(image).transpose(2, 0, 1).copy())


class _Recent(Generic[_T]):
    """Cache of the last few values; threads that ask for the same value wait for the first to make it."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._values: OrderedDict[int, Future[_T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: int, make: Callable[[], _T]) -> _T:
        with self._lock:
            future = self._values.get(key)
            if first := future is None:
                future = self._values[key] = Future()
                if len(self._values) > self._kept:
                    self._values.popitem(last=False)
        if first:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
        return future.result()
