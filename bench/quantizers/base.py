"""The quantizer contract: vectors to codes and back, whatever the modality."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Self

import torch

from bench import registry
from bench.errors import BenchError, whole_number

LEARNED_BITS = 20
"""Most bits of a codebook whose codewords are learned one by one and searched."""
INDEX_BITS = 62
"""Most bits of a code that is worked out from the coefficients: an index must fit into int64."""


class Quantizer(ABC):
    """Maps float32 vectors ``[n, dim]`` to int64 codes ``[n, levels]`` and codes to vectors.

    The vectors are transform coefficients in descending order of variance, with mean zero. Encoding a
    vector never depends on the other vectors of the call beyond the sample they belong to.

    Attributes:
        sizes: codebook size of each level; a token has the sum of their log2 in bits.
        coded: number of coefficients it needs, each coded by itself; 1 where it takes any number.
        parts: number of parts of equal dimension that it cuts the coefficients into.
    """

    sizes: tuple[int, ...]
    coded: int = 1
    parts: int = 1

    def check(self, dim: int) -> None:
        """Raise BenchError unless vectors of ``dim`` coefficients can be coded."""
        if dim < self.coded:
            bits = math.log2(math.prod(self.sizes))
            raise BenchError(f"{bits:g} bits per token need {self.coded} coefficients, but there are {dim}; lower bits")

    @classmethod
    @abstractmethod
    def at(cls, bits: int, levels: int) -> Self:
        """A quantizer of ``bits`` per token, split over ``levels`` where the family has levels.

        Raises:
            BenchError: the family has no codebooks of so many bits.
        """

    @abstractmethod
    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        """Learn the codebooks from ``[n, dim]`` vectors.

        Raises:
            BenchError: there are fewer vectors than codewords to learn.
        """

    @abstractmethod
    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Codes int64 ``[n, levels]`` of vectors ``[n, dim]``, each in ``[0, sizes[level])``."""

    @abstractmethod
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Vectors float32 ``[n, dim]`` of codes ``[n, levels]``."""


class MapQuantizer(ABC):
    """Maps whole float32 maps of vectors ``[height, width, dim]`` to int64 codes, one grid per level, and back.

    For quantizers whose codes stand for more than one place; the vectors are those of a :class:`Quantizer`.

    Attributes:
        sizes: codebook size of each level; empty until ``fit`` where that decides the levels.
        spans: places of the map, along each axis, that a code of each level stands for.
    """

    sizes: tuple[int, ...]
    spans: tuple[Fraction, ...]

    @abstractmethod
    def fit(self, maps: list[torch.Tensor], seed: int) -> None:
        """Learn the codebooks from maps ``[height, width, dim]``, that may differ in size."""

    @abstractmethod
    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes of one map, ``[⌈height/span⌉, ⌈width/span⌉]`` per level, each in ``[0, sizes[level])``."""

    @abstractmethod
    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The map ``[height, width, dim]`` of the codes; the last level has its height and width."""


def build(family: str, bits: int, levels: int) -> Quantizer:
    """The quantizer of a family at ``bits`` per token, split over ``levels`` where it has levels.

    Raises:
        BenchError: there is no such family, or it has no codebooks of so many bits.
    """
    quantizer_class = registry.load(registry.get("quantizers", str(family)).target)
    if not issubclass(quantizer_class, Quantizer):
        raise BenchError(
            f"quantizer {family}: {quantizer_class.__name__} is not a bench.quantizers.base.Quantizer of vectors"
        )
    whole_number("levels", levels, 1, INDEX_BITS)
    made: Quantizer = quantizer_class.at(bits, levels)
    return made


def bits_a_level(bits: int, levels: int, most: int = LEARNED_BITS) -> int:
    """Bits of each of ``levels`` equal codebooks; BenchError if they do not divide or exceed ``most``."""
    whole_number("levels", levels, 1, INDEX_BITS)
    whole_number("bits of a token", bits, levels, most * levels)
    if bits % levels:
        raise BenchError(f"{bits} bits per token do not divide into {levels} equal levels; use a multiple of {levels}")
    return bits // levels


def shared_bits(bits: int, books: int) -> list[int]:
    """Bits of each of several codebooks that share those of a token; the first ones have one more, if it must be.

    Raises:
        BenchError: there are fewer bits than codebooks, or too many for one.
    """
    whole_number("bits of a token", bits, books, LEARNED_BITS * books)
    fewest, more = divmod(bits, books)
    return [fewest + (book < more) for book in range(books)]


def hyphenated(name: str, text: str | int, example: str) -> tuple[int, ...]:
    """The numbers that a user wrote with a hyphen between them, as ``1-2-4-8``.

    Raises:
        BenchError: these are not numbers; the message names the argument and shows the example.
    """
    parts = str(text).split("-")
    if not all(part.isdecimal() for part in parts):
        raise BenchError(f"{name}={text}: write numbers with a hyphen between them, as {name}={example}")
    return tuple(map(int, parts))


def check_enough(vectors: torch.Tensor, size: int) -> None:
    """Raise BenchError if there are fewer vectors ``[n, dim]`` than codewords to learn from them."""
    if len(vectors) < size:
        raise BenchError(
            f"{len(vectors)} vectors to learn {size} codewords from; lower bits, or use a dataset with more to fit on"
        )
