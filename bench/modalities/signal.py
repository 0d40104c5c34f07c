"""The contract between the streaming loop and a kind of signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from bench.datasets.base import Sample
from bench.errors import BenchError

OVERSHOOT = 0.1
"""How far decoders may overshoot the range of values; few values are further outside."""

MANY = 0.05
"""Share of an output that may lie further outside before it is reported."""


class SystemFailure(RuntimeError):
    """A system broke its contract: wrong shape, wrong codes, NaN. It fails the cell."""


class Signal(ABC):
    """Makes batches of samples, says what a system may give back, and finishes both sides for scoring.

    Attributes:
        finish: function from a signal to what is scored, clamped and rounded as the protocol says.
        suffix: suffix of a file that holds one sample.
        bounds: smallest and largest meaningful value.
        size_unit: unit of the sizes that :meth:`sized` takes; empty if it takes none.
        sweep_sizes: sizes at which throughput is measured where a protocol names none, by kind of device (``cpu``,
            ``cuda``); empty for the sizes that the data set has.
        whole_sizes: whether sizes are whole numbers.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    bounds: ClassVar[tuple[float, float]]
    size_unit: ClassVar[str] = ""
    sweep_sizes: ClassVar[Mapping[str, tuple[float, ...]]] = {}
    whole_sizes: ClassVar[bool] = False

    def __init__(self, finish: Callable[[Any], Any] | None = None) -> None:
        self.finish = finish or self.plain

    @abstractmethod
    def joins(self, batch: Sequence[Sample], sample: Sample, equal_lengths: bool) -> bool:
        """Whether a sample may go into a batch with those before it.

        Args:
            equal_lengths: whether the system takes no padding.
        """

    @abstractmethod
    def collate(self, samples: Sequence[Sample], device: torch.device) -> Any:
        """The samples as the input of a system."""

    @abstractmethod
    def values(self, signal: Any) -> torch.Tensor:
        """The numbers of a batch, ``[batch, ...]``."""

    @abstractmethod
    def like(self, signal: Any, values: torch.Tensor) -> Any:
        """A batch of the given numbers ``[batch, ...]`` in the form of ``signal``."""

    @abstractmethod
    def other(self, signal: Any) -> Any:
        """Another batch of the same form, far from this one."""

    @abstractmethod
    def check(self, output: Any, signal: Any) -> None:
        """Raise SystemFailure unless a system's output has the form of its input."""

    @abstractmethod
    def sample(self, signal: Any, position: int) -> torch.Tensor:
        """The numbers of one sample of a batch, without padding; a view."""

    @abstractmethod
    def alone(self, signal: Any, position: int) -> Any:
        """A batch of one sample of this one, without padding."""

    @abstractmethod
    def amounts(self, signal: Any) -> torch.Tensor:
        """Amount of signal of each sample in the modality's unit, without padding, float64 ``[batch]``."""

    @abstractmethod
    def joined(self, one: Any, other: Any) -> Any:
        """The samples of two batches as one batch."""

    @property
    def endings(self) -> frozenset[str]:
        """Endings, in lower case, of the names of files that :meth:`read` reads; empty if it reads none."""
        return frozenset()

    def read(self, path: Path, original: Sample) -> torch.Tensor:
        """The signal in a file that holds a reconstruction of a sample, in the form of ``original.signal``.

        Raises:
            NoReconstruction: it cannot be read, or is of another shape; the message does not name the file.
            BenchError: the modality does not read reconstructions made elsewhere.
        """
        raise BenchError(f"reconstructions of {self.name} made elsewhere cannot be read; write a tokenizer instead")

    def plain(self, signal: Any) -> Any:
        """A batch as it is, where nothing is reconstructed and so nothing is finished for scoring."""
        return signal

    def moved(self, sample: Sample, generator: np.random.Generator) -> torch.Tensor:
        """The signal of a training sample after a random augmentation; unchanged if the modality has none."""
        return sample.signal

    def sized(self, sample: Sample, size: float) -> Sample:
        """A sample brought to another size, whose speed is to be measured: a side in pixels, or seconds.

        Raises:
            BenchError: the modality has no sizes.
        """
        raise BenchError(f"samples of {self.name} have no sizes; leave sweep.sizes empty in the protocol")

    def padded(self, signal: Any) -> bool:
        """Whether a batch holds padding."""
        return False

    def likeliest(self, signal: Any) -> int:
        """Position of the sample of a batch that the others are likeliest to change: the last, or the most padded."""
        return len(self.values(signal)) - 1

    @abstractmethod
    def misscaled(self, output: Any, signal: Any) -> str:
        """A warning if much of a system's output lies far outside ``bounds``; empty otherwise.

        Raises:
            SystemFailure: the output is on another scale, so that clamping would leave nothing meaningful.
        """

    def outside(self, output: Any) -> tuple[float, str]:
        """Share of an output that is far outside ``bounds``, and a sentence on it.

        Decoders overshoot at edges, and are clamped for it. Of the training-free ones up to 0.05% of all values, and
        0.5% of an image's, are outside by more than ``OVERSHOOT``.
        """
        values = self.values(output)
        low, high = self.bounds
        far = ((values < low - OVERSHOOT) | (values > high + OVERSHOOT)).double().mean()
        any_ = ((values < low) | (values > high)).double().mean()
        finding = (
            f"decode gives values from {float(values.min()):.2f} to {float(values.max()):.2f}, {float(any_):.0%} of "
            f"them outside [{low:g}, {high:g}]"
        )
        return float(far), finding

    @abstractmethod
    def encoded(self, signal: Any, position: int) -> bytes:
        """One sample of a finished batch as the bytes of a file that browsers show or play."""
