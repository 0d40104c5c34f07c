"""What drawing samples from a backbone costs: time and memory, comparable on one device only."""

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
    """One batch: samples, tokens, seconds of drawing them and of decoding them, peak bytes if they can be told."""

    samples: int
    tokens: int
    drawing: float
    decoding: float
    peak: int | None


@dataclass
class Stopwatch:
    """Draws and decodes, and notes what it cost.

    Args:
        held: bytes of the weights that draw.

    Attributes:
        timings: of each batch; the first is drawn twice, because it pays for what is set up once.
    """

    device: torch.device
    held: int
    timings: list[Timing] = field(default_factory=list)

    def __call__(
        self, draw: Callable[[], Tokens], decode: Callable[[Tokens], Any], given: int = 0
    ) -> tuple[Tokens, Any]:
        """Tokens of ``draw``, of which some were given and not drawn, and what ``decode`` makes of them."""
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
    """Bytes of a module's weights."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def sampling_costs(timings: Sequence[Timing], note: str, seconds: float = 0) -> dict[str, Estimate]:
    """Tokens a second while drawing, the speed with decoding, and the highest peak of memory.

    Args:
        timings: of at least one batch.
        note: how the samples were drawn, as far as the costs depend on it.
        seconds: of sound that a sample is, whose speed is computing for a second of it; 0 for images.
    """
    drawing, decoding = (np.array([getattr(one, name) for one in timings]) for name in ("drawing", "decoding"))
    tokens, samples = (np.array([getattr(one, name) for one in timings], float) for name in ("tokens", "samples"))
    peaks = [one.peak for one in timings if one.peak is not None]
    memory = Estimate(value=None, unavailable=UNTOLD)
    if len(peaks) == len(timings):
        memory = Estimate(value=max(peaks) / MEBIBYTE, method=ONE_PASS)
    spent = drawing + decoding
    if seconds:
        speed = {SAMPLING_RTF: total_time(spent, samples * seconds)}
    else:
        speed = {SAMPLING_IMAGES: total_rate(samples, spent)}
    n = {"n": int(samples.sum())}
    found = {SAMPLING_TOKENS: total_rate(tokens, drawing), **speed, SAMPLING_MEMORY: memory}
    return {value.name: estimate.model_copy(update=n).described_by(value, note) for value, estimate in found.items()}
