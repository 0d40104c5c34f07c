"""The tokens of a dataset in memory, and the batches that backbones are trained and measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn.utils.rnn import pad_sequence

from bench.backbones.base import Structure
from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError


@dataclass(frozen=True)
class Examples:
    """A batch of samples or windows.

    Attributes:
        tokens: tokens of the batch.
        numbers: number in the corpus of the sample that each comes from.
        conditions: class of each, int64 ``[batch]``; None if the backbone is unconditional.
    """

    tokens: Tokens
    numbers: list[int]
    conditions: torch.Tensor | None = None


class Corpus:
    """The codes of samples of one structure, or their latents, without padding, and the class of each sample.

    Sequences are cut into windows of ``context`` positions, grids stay whole.

    Args:
        codebooks: codebooks of the tokenizer.
        context: most positions of a window.
        classes: number of classes of the labels; 0 keeps no labels.
    """

    def __init__(self, codebooks: tuple[Codebook, ...], context: int, classes: int = 0) -> None:
        self.codebooks, self.context, self.classes = codebooks, context, classes
        self.samples: list[tuple[torch.Tensor, ...]] = []
        self.labels: list[int] = []
        self._structure: Structure | None = None
        self._longest = 0

    def __len__(self) -> int:
        return len(self.samples)

    def add(self, tokens: Tokens, labels: Sequence[int | None] = ()) -> None:
        """Take in a batch of tokens, and the class of each sample where there are classes.

        Raises:
            TokenError: they contradict the codebooks, or are a codec's bytes.
            BenchError: their grids or dimensions are not those of the samples before, the levels of a sequence
                differ in length, or a label is none of the classes.
        """
        structure = Structure.of(tokens, self.codebooks)
        tokens.check(self.codebooks)
        first = self._structure or structure
        if structure.grids != first.grids and not (_is_sequence(structure) and _is_sequence(first)):
            raise BenchError(
                f"samples of grids {structure.grids} after samples of grids {first.grids}: a backbone models one; "
                "choose a preprocessing that makes signals of one size"
            )
        if structure.dim != first.dim:
            raise BenchError(
                f"latents of {structure.dim} dimensions after samples of {first.dim}; a backbone models one"
            )
        if self.classes:
            self.labels += self._checked(labels, tokens.batch_size)
        self._structure = first
        rows = [tokens.rows(level) for level in range(len(structure.grids))]
        for sample in zip(*rows, strict=True):
            if _is_sequence(structure) and len({len(level) for level in sample}) > 1:
                raise BenchError("the levels of a sequence differ in length, which backbones do not model")
            self.samples.append(tuple(level.cpu() for level in sample))
            self._longest = max(self._longest, len(sample[0]))

    @property
    def structure(self) -> Structure:
        """The structure of the samples; for sequences, that of a whole window. BenchError if there are no samples."""
        if self._structure is None:
            raise BenchError("no samples, so there are no tokens to model")
        structure = self._structure
        if not _is_sequence(structure):
            return structure
        return structure.resized(min(self.context, self._longest))

    @property
    def counts(self) -> torch.Tensor:
        """Tokens of each sample over all levels, int64 ``[samples]``."""
        return torch.tensor([sum(len(level) for level in sample) for sample in self.samples])

    @property
    def tokens(self) -> int:
        """Number of tokens of all samples."""
        return int(self.counts.sum())

    def conditions(self, numbers: Sequence[int]) -> torch.Tensor | None:
        """Class of samples, int64 ``[len(numbers)]``; None where there are no classes."""
        return torch.tensor([self.labels[number] for number in numbers]) if self.classes else None

    def random(self, n: int, generator: torch.Generator) -> Examples:
        """``n`` samples drawn in proportion to their positions; for sequences, a random window of each."""
        sizes = torch.tensor([len(sample[0]) for sample in self.samples], dtype=torch.float64)
        drawn = torch.multinomial(sizes, n, replacement=True, generator=generator)
        places = torch.rand(n, generator=generator, dtype=torch.float64)
        pieces = []
        for index, place in zip(drawn.tolist(), places.tolist(), strict=True):
            sample = self.samples[index]
            room = len(sample[0]) - self._window
            at = int(place * (room + 1)) if room > 0 else 0
            pieces.append((index, self._cut(sample, at)))
        return self._examples(pieces)

    def windows(self, positions: int) -> Iterator[Examples]:
        """All windows in order, in batches of about so many positions."""
        pieces = [
            (index, self._cut(sample, at))
            for index, sample in enumerate(self.samples)
            for at in range(0, len(sample[0]), self._window)
        ]
        step = self.batch_of(positions)
        for at in range(0, len(pieces), step):
            yield self._examples(pieces[at : at + step])

    def batch_of(self, positions: int) -> int:
        """Number of samples or windows with about so many positions together, at least 1."""
        return max(1, round(positions / self.positions))

    @property
    def positions(self) -> int:
        """Number of positions of a window, or of a whole grid; of unequal grids, of the finest."""
        return max(self.structure.positions)

    @property
    def _window(self) -> int:
        return self.structure.positions[0]

    def _cut(self, sample: tuple[torch.Tensor, ...], at: int) -> tuple[torch.Tensor, ...]:
        if not _is_sequence(self.structure):
            return sample
        return tuple(level[at : at + self._window] for level in sample)

    def _checked(self, labels: Sequence[int | None], batch: int) -> list[int]:
        valid = [label for label in labels if label is not None and 0 <= label < self.classes]
        if not len(valid) == len(labels) == batch:
            raise BenchError(f"labels {list(labels)} of {batch} samples; each needs one of the {self.classes} classes")
        return valid

    def _examples(self, pieces: Sequence[tuple[int, tuple[torch.Tensor, ...]]]) -> Examples:
        numbers = [number for number, _ in pieces]
        return Examples(self._batch([piece for _, piece in pieces]), numbers, self.conditions(numbers))

    def _batch(self, pieces: list[tuple[torch.Tensor, ...]]) -> Tokens:
        structure = self.structure
        levels = [list(level) for level in zip(*pieces, strict=True)]
        if not _is_sequence(structure):
            whole = tuple(
                torch.stack(level).unflatten(1, grid) for level, grid in zip(levels, structure.grids, strict=True)
            )
            return _tokens(structure, whole)
        lengths = torch.tensor([len(piece) for piece in levels[0]])
        padded = tuple(pad_sequence(level, batch_first=True) for level in levels)
        return replace(_tokens(structure, padded), lengths=(lengths,) * len(levels))


def _tokens(structure: Structure, levels: tuple[torch.Tensor, ...]) -> Tokens:
    """Codes per level, or the latents, as tokens."""
    codes, latents = ((), levels[0]) if structure.dim else (levels, None)
    return Tokens(codes, latents, signal_shape=structure.signal_shape, signal_rate=structure.signal_rate)


def _is_sequence(structure: Structure) -> bool:
    """Whether the tokens are sequences, that may differ in length."""
    return all(len(grid) == 1 for grid in structure.grids)
