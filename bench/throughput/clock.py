"""Clocks: marks in the work of a device, and the seconds between them, with one synchronization for all of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch

from bench.errors import BenchError


class Clock(ABC):
    """Marks moments in the work of a device."""

    @abstractmethod
    def mark(self) -> Any:
        """A mark at the end of all work that was launched so far; it does not wait for that work."""

    @abstractmethod
    def seconds(self, marks: Sequence[Any]) -> list[float]:
        """Wait for the last mark, and return the seconds from each mark to the next, one fewer than there are marks."""


class ProcessorClock(Clock):
    """Work of the processor is done when it returns, so that marks are times.

    Args:
        now: function that returns the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.now = now

    def mark(self) -> float:
        return self.now()

    def seconds(self, marks: Sequence[float]) -> list[float]:
        return [later - earlier for earlier, later in pairwise(marks)]


class CudaClock(Clock):
    """CUDA events on the current stream, which the device itself times.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    def seconds(self, marks: Sequence[torch.cuda.Event]) -> list[float]:
        torch.cuda.synchronize(self.device)
        return [earlier.elapsed_time(later) / 1000 for earlier, later in pairwise(marks)]


def clock_of(device: torch.device) -> Clock:
    """The clock of a device.

    Raises:
        BenchError: there is none for this kind of device.
    """
    if device.type == "cuda":
        return CudaClock(device)
    if device.type == "cpu":
        return ProcessorClock()
    raise BenchError(f"--device {device}: throughput is timed on cuda and cpu only; choose one of these")
