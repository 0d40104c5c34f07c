"""The cost of drawing samples from a backbone: time and memory, comparable on one device only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.contracts.stats import Estimate
from bench.contracts.tokens import Tokens
from bench.lines.values import SAMPLING_IMAGES, SAMPLING_MEMORY, SAMPLING_RTF, SAMPLING_TOKENS
from bench.machine.memory import MemoryMeter
from bench.metrics.cost import MEBIBYTE, ONE_PASS, UNTOLD, total_rate, total_time


@dataclass(frozen=True)
class Timing:
    """One batch: numbers of samples and tokens, seconds of drawing and of decoding, and peak bytes where available."""

    samples: int
    tokens: int
    drawing: float
    decoding: float
    peak: int | None


@dataclass
class Stopwatch:
    """Draws and decodes batches, and records their cost.

    Args:
        device: device that the backbone runs on.
        held: bytes of the weights that draw.

    Attributes:
        timings: timing of each batch; the first is drawn twice, because the first call includes setup.
    """

    device: torch.device
    held: int
    timings: list[Timing] = field(default_factory=list)

    def __call__(
        self, draw: Callable[[], Tokens], decode: Callable[[Tokens], Any], given: int = 0
    ) -> tuple[Tokens, Any]:
        """The tokens of ``draw``, and what ``decode`` makes of them.

        Args:
            given: number of the tokens that were given rather than drawn.
        """
        if not self.timings:
            draw()
        meter = MemoryMeter(self.device)
        meter.loaded(self.held)
        meter.reset()
        start = self._now()
        tokens = draw()
        middle = self._now()
        signal = decode(tokens)
        end = self._now()
        counts = tokens.counts
        amount = 0 if counts is None else int(counts.sum()) - given
        self.timings.append(Timing(tokens.batch_size, amount, middle - start, end - middle, meter.peak()))
        return tokens, signal

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def bytes_of(module: nn.Module) -> int:
    """The bytes of a module's parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def sampling_costs(timings: Sequence[Timing], note: str, seconds: float = 0) -> dict[str, Estimate]:
    """Estimates of the tokens per second of drawing, the speed with decoding, and the highest peak of memory.

    Args:
        timings: timings of at least one batch.
        note: how the samples were drawn, as far as the costs depend on it.
        seconds: seconds of audio per sample, for a speed in seconds of computing per second of audio; 0 for images.
    """
    drawing, decoding = (np.array([getattr(timing, name) for timing in timings]) for name in ("drawing", "decoding"))
    tokens, samples = (np.array([getattr(timing, name) for timing in timings], float) for name in ("tokens", "samples"))
    peaks = [timing.peak for timing in timings if timing.peak is not None]
    memory = Estimate(value=None, unavailable=UNTOLD)
    if len(peaks) == len(timings):
        memory = Estimate(value=max(peaks) / MEBIBYTE, method=ONE_PASS)
    spent = drawing + decoding
    if seconds:
        speed = {SAMPLING_RTF: total_time(spent, samples * seconds)}
    else:
        speed = {SAMPLING_IMAGES: total_rate(samples, spent)}
    n = {"n": int(samples.sum())}
    costs = {SAMPLING_TOKENS: total_rate(tokens, drawing), **speed, SAMPLING_MEMORY: memory}
    return {value.name: estimate.model_copy(update=n).described_by(value, note) for value, estimate in costs.items()}
