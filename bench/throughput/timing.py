"""Timing of a call: warm until its rate is steady, then repeated with one synchronization at the end.

The time pass does nothing else: memory and energy have passes of their own. Python's garbage collector is off while
calls are timed, as in the standard library's ``timeit``.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.contracts.stats import Estimate
from bench.metrics.cost import total_rate
from bench.throughput.clock import Clock

WINDOW = 3
"""Calls whose median duration is compared with that of as many calls before them."""
STEADY = 0.05
"""Largest change of that median, as a share of it, at which the rate counts as steady."""
FEWEST = 3
"""Calls that are timed even where they take longer than ``Pace.most_seconds``."""
BLOCKS = 20
"""Blocks of consecutive calls whose spread gives the interval of a rate."""

Step = Callable[[], None]
Call = Callable[[Step], object]
"""A call to be timed; it calls its argument at each moment between begin and end that is timed apart."""


class Pace(BaseModel):
    """How long a setting is timed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    iterations: int = Field(default=20, ge=FEWEST, description="calls that are timed at least")
    seconds: float = Field(default=1.0, ge=0, description="seconds that are timed at least")
    most_seconds: float = Field(
        default=10.0, gt=0, description=f"seconds after which no further calls are timed, but for the first {FEWEST}"
    )
    warm_up_seconds: float = Field(
        default=5.0, ge=0, description="seconds after which timing begins although the rate is not steady yet"
    )


@dataclass(frozen=True)
class Timing:
    """The durations of calls.

    Attributes:
        seconds: durations ``[iterations, parts]``, where each call is divided at its own steps.
        warm_up: number of calls before them.
        steady: whether the rate was steady when the timing began.
    """

    seconds: np.ndarray
    warm_up: int
    steady: bool

    @property
    def totals(self) -> np.ndarray:
        """Duration of each call in seconds, ``[iterations]``."""
        totals: np.ndarray = self.seconds.sum(1)
        return totals

    def percentiles(self) -> tuple[float, float, float]:
        """The 50th, 90th and 99th percentile of the calls' durations in seconds, interpolated linearly."""
        p50, p90, p99 = np.percentile(self.totals, (50, 90, 99)).tolist()
        return p50, p90, p99

    def rate(self, amount: float) -> Estimate:
        """The rate of something of which each call does ``amount``, per second.

        The interval is a jackknife over at most 20 blocks of consecutive calls, since neighbors are alike: it shows how
        steady this run was.
        """
        totals = self.totals
        blocks = np.array_split(totals, min(BLOCKS, len(totals)))
        estimate = total_rate(
            np.array([amount * len(block) for block in blocks]), np.array([block.sum() for block in blocks])
        )
        method = f"spread over {len(blocks)} blocks of calls of this run; another load of the machine is not in it"
        # Blocks of calls are not shared by systems, so they cannot be paired.
        return estimate.model_copy(update={"replicates": None, "blocks": None, "method": method, "n": len(totals)})


def timed(call: Call, clock: Clock, pace: Pace) -> Timing:
    """Warm a call up and time it.

    The first call is not timed: it includes compilation and lazy initialization. The rate is steady when the median
    duration of ``WINDOW`` calls is within ``STEADY`` of that of as many calls before them. After
    ``pace.warm_up_seconds`` timing begins in any case, and the first and second half of the timed calls show whether
    the rate was steady.
    """
    _durations(call, clock, 1)
    with _uncollected():
        warm: list[float] = []
        steady: bool | None = None
        while steady is None:
            warm += [sum(parts) for parts in _durations(call, clock, WINDOW)]
            if len(warm) >= 2 * WINDOW and _alike(warm[-2 * WINDOW : -WINDOW], warm[-WINDOW:]):
                steady = True
            elif sum(warm) >= pace.warm_up_seconds:
                steady = False
        seconds = np.array(_durations(call, clock, calls_at(median(warm[-WINDOW:]), pace)))
    if not steady:
        totals = seconds.sum(1).tolist()
        half = len(totals) // 2
        steady = _alike(totals[:half], totals[half:])
    return Timing(seconds, 1 + len(warm), steady)


def calls_at(seconds: float, pace: Pace) -> int:
    """The number of calls to be timed where one takes so many seconds."""
    wanted = max(pace.iterations, math.ceil(pace.seconds / max(seconds, 1e-9)))
    most = max(FEWEST, math.floor(pace.most_seconds / max(seconds, 1e-9)))
    return min(wanted, most)


def _alike(before: list[float], after: list[float]) -> bool:
    return abs(median(after) - median(before)) <= STEADY * median(before)


def _durations(call: Call, clock: Clock, count: int) -> list[list[float]]:
    """The durations ``[count][parts]`` of calls one after the other, without waiting for the device between them."""
    marks = [clock.mark()]
    ends = []

    def step() -> None:
        marks.append(clock.mark())

    for _ in range(count):
        call(step)
        step()
        ends.append(len(marks) - 1)
    between = clock.seconds(marks)
    return [between[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


@contextmanager
def _uncollected() -> Iterator[None]:
    """A context in which the garbage collector does not run."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
