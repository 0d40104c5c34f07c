"""Arrays of images in ``.npz`` and ``.npy`` files, read front to back without ever being in memory as a whole."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np
import torch

from bench.errors import BenchError
from bench.machine.files import open_stored

KEY = "arr_0"
ZIP = b"PK\x03\x04"
MOST_LOOKED_AT = 1 << 22
"""Most values of a rejected array that are read to find what would make it images."""
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    SyntaxError,  # like the next ones, from numpy's parser of headers
    TokenError,
    RecursionError,
    MemoryError,
)


def members(path: Path) -> list[str]:
    """Names of the arrays in an ``.npz`` file.

    Raises:
        BenchError: the file is not an .npz archive.
    """
    try:
        with open_stored(path) as stream, zipfile.ZipFile(stream) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except _DAMAGED as error:
        raise BenchError(f"{path}: {_no_archive(path, error)}") from error


def _no_archive(path: Path, error: Exception) -> str:
    """Why a file is not an archive, and the remedy: one that begins like an archive has lost its end."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    with suppress(OSError), open_stored(path) as stream:
        if stream.read(len(ZIP)) == ZIP:
            return "cut short or damaged: its end is missing; copy or download it again, or write it again"
    return f"not an .npz file: {error}; write it again with numpy.savez"


def read_array(path: Path, key: str) -> np.ndarray:
    """A small array of an ``.npz`` file, whole.

    Raises:
        BenchError: the array is missing, damaged, or holds objects.
    """
    try:
        with open_stored(path) as stream, np.load(stream, allow_pickle=False) as archive:
            array: np.ndarray = archive[key]
            return array
    except (*_DAMAGED, KeyError) as error:
        raise BenchError(f"{path}: {key} cannot be read: {error}") from error


@dataclass(frozen=True)
class ImageArray:
    """Images uint8 ``[n, height, width, 3]`` in a file: an ``.npy``, or ``arr_0`` of an ``.npz``."""

    path: Path
    n: int
    height: int
    width: int

    @classmethod
    def open(cls, path: Path) -> ImageArray:
        """The array in a file, of which the header is read.

        Raises:
            BenchError: there is no such array, or it holds something else; the message says how to store it.
        """
        with _array(path) as (stream, size):
            shape, fortran, dtype = _header(path, stream)
            held = size - stream.tell()
            first = _first(stream, shape, dtype)
        remedy = "store uint8 of shape [N, height, width, 3], 0 to 255"
        if dtype != np.uint8:
            raise BenchError(f"{path}: {KEY} is {dtype}; {remedy}{_conversion(first)}")
        if len(shape) != 4 or shape[3] != 3:
            channels_first = len(shape) == 4 and shape[1] == 3
            layout = "channels first; save array.transpose(0, 2, 3, 1)" if channels_first else remedy
            raise BenchError(f"{path}: {KEY} has shape {list(shape)}: {layout}")
        if fortran:
            raise BenchError(f"{path}: {KEY} is in Fortran order; save numpy.ascontiguousarray(array)")
        if 0 in shape[1:3]:
            raise BenchError(f"{path}: {KEY} has shape {list(shape)}: images without pixels")
        if held < math.prod(shape):
            raise BenchError(
                f"{path}: cut short: {held} bytes of {shape[0]} images, which have {math.prod(shape)}; "
                "copy or download it again, or write it again"
            )
        return cls(path, *shape[:3])

    def batches(self, size: int, limit: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Indices int64 ``[batch]`` and images uint8 ``[batch, 3, height, width]``, of the first ``limit`` images.

        Raises:
            BenchError: the file ends too soon, or is damaged.
        """
        pixels = self.height * self.width * 3
        with _array(self.path) as (stream, _):
            _header(self.path, stream)
            for start in range(0, min(limit, self.n), size):
                count = min(size, limit - start, self.n - start)
                try:
                    data = _exactly(stream, count * pixels)
                except _DAMAGED as error:
                    raise BenchError(f"{self.path}: damaged after image {start} of {self.n}: {error}") from error
                images = torch.frombuffer(data, dtype=torch.uint8).view(count, self.height, self.width, 3)
                yield torch.arange(start, start + count), images.permute(0, 3, 1, 2)


@contextmanager
def _array(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The stream of the array, header first, and the number of bytes it should have."""
    if path.suffix.lower() == ".npy":
        try:
            with open_stored(path) as stream:
                yield stream, os.fstat(stream.fileno()).st_size
        except OSError as error:
            raise BenchError(f"{path}: {error.strerror}") from error
        return
    names = members(path)
    if KEY not in names:
        contents = f"; it holds {', '.join(names)}" if names else "; it holds no array"
        raise BenchError(f"{path}: no {KEY}{contents}. Save images with numpy.savez(path, images)")
    with zipfile.ZipFile(path) as archive, archive.open(f"{KEY}.npy") as member:
        yield member, archive.getinfo(f"{KEY}.npy").file_size


def _header(path: Path, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(stream)
    except _DAMAGED as error:
        raise BenchError(f"{path}: not an array: {error}; write it again with numpy.save or numpy.savez") from error
    raise BenchError(f"{path}: format {version} of .npy does not hold images; save an array of uint8")


def _exactly(stream: IO[bytes], size: int) -> bytearray:
    buffer = bytearray(size)
    view, done = memoryview(buffer), 0
    while done < size:
        got = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError("the file ends there")
        done += got
    return buffer


def _first(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The values of the first image, or the part of it that is there; none for arrays of objects."""
    size = dtype.itemsize * min(math.prod(shape[1:]), MOST_LOOKED_AT)
    try:
        data = b"" if dtype.hasobject else stream.read(size)
    except _DAMAGED:
        data = b""
    return np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype if data else np.uint8)


def _conversion(values: np.ndarray) -> str:
    """How to convert values of another type to uint8, by the range of the first image; with a leading "; "."""
    if not values.size or values.dtype.kind not in "fiu":
        return ""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return "; the first image has values that are not finite"
    conversions = {
        "array.round().astype('uint8')": low >= 0 and high > 1,
        "(array * 255).round().astype('uint8')": low >= 0,
        "((array + 1) * 127.5).round().astype('uint8')": low >= -1 and high <= 1,
    }
    how = next((how for how, fits in conversions.items() if fits and high <= 255), "")
    if values.dtype.kind != "f":
        how = "array.astype('uint8')" if low >= 0 and high <= 255 else ""
    return f"; the first image has {low:g} to {high:g}" + (f": save {how}, if all are in that range" if how else "")
