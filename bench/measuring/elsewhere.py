"""Reconstructions made elsewhere, read beside the samples that they are of."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from bench.contracts.elsewhere import ElsewhereSpec
from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import Dataset, Limited, NoReconstruction, Sample
from bench.errors import BenchError
from bench.machine.files import open_stored
from bench.machine.pairing import Pairing, pair
from bench.measuring.loop import Loop, Made
from bench.measuring.seen import listed
from bench.metrics.base import Need
from bench.modalities.signal import Signal

LACKING: dict[Need, str] = {"timing": "the reconstructions were made elsewhere, so nothing was timed here"}
KILO = 1000.0

T = TypeVar("T")


@dataclass(frozen=True)
class PairedSample(Sample):
    """A sample with its reconstruction.

    Attributes:
        made: the reconstruction, in the form of ``signal``.
        codes: its codes, int64 ``[*grid]`` per level; empty if they are not known.
    """

    made: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    codes: tuple[torch.Tensor, ...] = ()

    def reconstruction(self) -> Sample:
        """The reconstruction as a sample of its own."""
        return replace(self, signal=self.made)


class Pairs(Limited):
    """A data set, each sample with the reconstruction of it that was made elsewhere.

    Args:
        dataset: the data set.
        spec: the system.
        signals: reads the files.

    Attributes:
        codebooks: those of the codes, if there are codes.
        modality: the data set's.
        own_remarks: what is missing, and what belongs to no sample, one sentence each.
        remarks: those of the data set, and what belongs to no sample.

    Raises:
        BenchError: nothing is paired, or there are codes whose codebooks are not stated.
    """

    weights: dict[str, str] = {}  # noqa: RUF012 - as of a tokenizer without weights
    revision = ""

    def __init__(self, dataset: Dataset, spec: ElsewhereSpec, signals: Signal) -> None:
        super().__init__(dataset, len(dataset))
        self.spec, self.signals = spec, signals
        if not signals.endings:
            raise BenchError(f"{spec.text}: reconstructions of {self.modality} made elsewhere cannot be read")
        if not self.pairing.files:
            first = next(iter(self.pairing.wrong.items()), None)
            beside = f", but {listed(self.pairing.surplus)}" if self.pairing.surplus else ""
            raise BenchError(
                f"{spec.text}: {spec.path} has no reconstruction of {dataset.name}"
                + (f", such as of {first[0]}{beside}" if first else "")
                + "; give files the relative paths of the originals, or pair them by a manifest of two columns"
            )
        if self.pairing.codes and not spec.codebook:
            raise BenchError(
                f"{spec.text}: codes lie beside its reconstructions, but the size of their codebook is not stated; "
                f"add --codebook {spec.text}=SIZE, or SIZE,SIZE,... of several levels"
            )
        if spec.codebook and not self.pairing.codes:
            raise BenchError(f"{spec.text}: --codebook is stated, but no .npy or .npz lies beside its reconstructions")
        self.codebooks = tuple(Codebook(size, "not stated") for size in spec.codebook)
        beforehand, surplus = self._remarks()
        self.own_remarks = [*beforehand, *surplus]
        self.remarks = (*dataset.remarks, *surplus)

    @cached_property
    def pairing(self) -> Pairing:
        """The file of each sample of the whole data set, whatever the limit."""
        whole = self.whole.whole if isinstance(self.whole, Limited) else self.whole
        root = Path(whole.data).expanduser().absolute() if whole.data else None
        return pair([whole.id(index) for index in range(len(whole))], self.spec.path, self.signals.endings, root)

    def load(self, index: int) -> PairedSample:
        """The sample at a position with its reconstruction.

        Raises:
            BadSample: the original cannot be measured.
            NoReconstruction: it has no reconstruction, or one that cannot be read or is of another shape.
        """
        sample = super().load(index)
        if reason := self.pairing.wrong.get(sample.id):
            raise NoReconstruction(reason)
        made = self._read(self.pairing.files[sample.id], lambda file: self.signals.read(file, sample))
        codes = self._codes(sample.id) if self.codebooks else ()
        same = {one.name: getattr(sample, one.name) for one in fields(Sample)}
        return PairedSample(**same, made=made, codes=codes)

    def _remarks(self) -> tuple[list[str], list[str]]:
        """Sentences on what lacks a reconstruction or codes, which its samples will say, and on what is surplus."""
        here = {self.id(index) for index in range(len(self))}
        missing = [name for name in self.pairing.wrong if name in here]
        uncoded = [name for name in self.pairing.files if name in here and name not in self.pairing.codes]
        beforehand = {"a reconstruction": missing, "codes": uncoded if self.codebooks else []}
        lacking = [
            f"{len(names)} of {len(self)} samples without {what}: {listed(names)}"
            for what, names in beforehand.items()
            if names
        ]
        surplus = self.pairing.surplus
        belong = "file belongs" if len(surplus) == 1 else "files belong"
        return lacking, [f"{len(surplus)} {belong} to no sample: {listed(surplus)}"] if surplus else []

    def _read(self, file: Path, read: Callable[[Path], T]) -> T:
        """What ``read`` makes of a file; the reason why it cannot names the file, without the folders it lies in."""
        try:
            return read(file)
        except NoReconstruction as error:
            raise NoReconstruction(f"{file.name}: {error}") from error

    def _codes(self, name: str) -> tuple[torch.Tensor, ...]:
        path = self.pairing.codes.get(name)
        if path is None:
            raise NoReconstruction(
                "no codes beside its reconstruction, although others have some; add them, or remove all to measure "
                "without codes"
            )
        return self._read(path, self._levels)

    def _levels(self, path: Path) -> tuple[torch.Tensor, ...]:
        """The codes of each level in a file, within the codebooks."""
        levels = _arrays(path, len(self.codebooks))
        if len(levels) != len(self.codebooks):
            raise NoReconstruction(f"{len(levels)} levels of codes, and --codebook states {len(self.codebooks)}")
        for level, (array, book) in enumerate(zip(levels, self.codebooks, strict=True)):
            if not np.issubdtype(array.dtype, np.integer) or not array.size:
                raise NoReconstruction(f"level {level} is {array.dtype} {array.shape}, not whole numbers")
            if array.min() < 0 or array.max() >= book.size:
                span = f"{array.min()}..{array.max()}"
                raise NoReconstruction(f"level {level}: codes {span} outside the codebook 0..{book.size - 1}")
        return tuple(torch.from_numpy(array.astype(np.int64)) for array in levels)


def _arrays(path: Path, levels: int) -> list[np.ndarray]:
    """The codes of each level in a file: the arrays of an .npz in their order; or the rows of an .npy."""
    try:
        with open_stored(path) as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return [loaded] if levels == 1 else list(np.atleast_1d(loaded))
            return [loaded[name] for name in loaded.files]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise NoReconstruction("damaged, or not an array of whole numbers that numpy.save or savez wrote") from error


class Reading:
    """Reconstructions of batches, read instead of made.

    Args:
        pairs: the data set.
        loop: how the loop is run.
    """

    equal_lengths = False

    def __init__(self, pairs: Pairs, loop: Loop) -> None:
        self.pairs, self.loop = pairs, loop
        rate = pairs.spec.rate
        self.nominal_bitrate = None if rate is None else KILO * rate

    def state(self) -> dict[str, Any]:
        """Nothing: files are read again."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to go on from."""

    def __call__(self, signal: Any, samples: Sequence[Sample], indices: list[int]) -> Made:
        """The reconstructions of a batch, with their codes."""
        paired = [sample for sample in samples if isinstance(sample, PairedSample)]
        output = self.loop.signals.collate([sample.reconstruction() for sample in paired], self.loop.device)
        return Made(self._tokens(signal, paired), output)

    def _tokens(self, signal: Any, samples: list[PairedSample]) -> Tokens:
        if not self.pairs.codebooks:
            rate = self.pairs.spec.rate
            bits = None if rate is None else rate * self.loop.signals.amounts(signal)
            return Tokens(unknown=len(samples), stated_bits=bits)
        levels = list(zip(*(sample.codes for sample in samples), strict=True))
        if all(len({code.shape for code in level}) == 1 for level in levels):
            return Tokens(codes=tuple(torch.stack(level) for level in levels))
        flat = [[code.flatten() for code in level] for level in levels]
        return Tokens(
            codes=tuple(torch.nn.utils.rnn.pad_sequence(level, batch_first=True) for level in flat),
            lengths=tuple(torch.tensor([len(code) for code in level]) for level in flat),
        )
