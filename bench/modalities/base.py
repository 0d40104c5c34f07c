"""The contract between the streaming loop and a kind of signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch

from bench.datasets.base import Sample


class SystemFailure(RuntimeError):
    """A system broke its contract: wrong shape, wrong codes, NaN. It fails the cell."""


class Modality(ABC):
    """Makes batches of samples, says what a system may give back, and finishes both sides for scoring.

    Attributes:
        finish: a signal to what is scored, clamped and rounded as the protocol says.
        suffix: of a file that holds one sample.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish

    @abstractmethod
    def joins(self, batch: Sequence[Sample], sample: Sample, equal_lengths: bool) -> bool:
        """Whether a sample may go into a batch with those before it.

        Args:
            equal_lengths: the system takes no padding.
        """

    @abstractmethod
    def collate(self, samples: Sequence[Sample], device: torch.device) -> Any:
        """The samples as the input of a system."""

    @abstractmethod
    def values(self, signal: Any) -> torch.Tensor:
        """The numbers of a batch, ``[batch, ...]``."""

    @abstractmethod
    def like(self, signal: Any, values: torch.Tensor) -> Any:
        """A batch of other numbers in the form of ``signal``."""

    @abstractmethod
    def other(self, signal: Any) -> Any:
        """Another batch of the same form, far from this one."""

    @abstractmethod
    def check(self, output: Any, signal: Any) -> None:
        """SystemFailure unless a system's output has the form of its input."""

    @abstractmethod
    def encoded(self, signal: Any, position: int) -> bytes:
        """One sample of a finished batch as a file that browsers show or play."""
