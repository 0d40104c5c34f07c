"""Timing by a clock that does what it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from bench.errors import BenchError
from bench.throughput.clock import ProcessorClock, clock_of
from bench.throughput.timing import WINDOW, Pace, Timing, calls_at, timed


class Script(ProcessorClock):
    """Calls take the scripted seconds, and then the last of them for ever."""

    def __init__(self, durations: Iterable[float]) -> None:
        super().__init__(lambda: self.time)
        self.time, self.waits = 0.0, 0
        self.durations = list(durations)
        self.calls = 0

    def call(self, step) -> None:
        self.time += self.durations[min(self.calls, len(self.durations) - 1)]
        self.calls += 1

    def seconds(self, marks: Sequence[float]) -> list[float]:
        self.waits += 1
        return super().seconds(marks)


PACE = Pace(iterations=10, seconds=30, most_seconds=100, warm_up_seconds=1000)


def test_timing_begins_when_the_rate_is_steady_and_waits_once():
    falling = [100, 9, 8, 7, 3, 3, 3, 2, 2, 2, 1.96, 1.96, 1.96, 2]
    clock = Script(falling)
    timing = timed(clock.call, clock, PACE)
    # Medians of three: 8, 3, 2, 1.96. The last is within 5% of the one before it.
    assert timing.warm_up == 1 + 4 * WINDOW
    assert timing.steady
    # 30 s at 1.96 s per call are 16 calls, timed with one wait after those of the warm-up.
    assert (len(timing.totals), clock.waits) == (16, 1 + 4 + 1)
    assert timing.totals == pytest.approx([2] * 16)


def test_a_rate_that_never_settles_is_said_to_be_unsteady():
    clock = Script(1.2**call for call in range(60))
    timing = timed(clock.call, clock, PACE.model_copy(update={"warm_up_seconds": 5, "most_seconds": 1}))
    assert not timing.steady
    assert len(timing.totals) == 3


def test_what_is_slow_is_steady_by_its_timed_calls():
    clock = Script([9, 2])
    timing = timed(clock.call, clock, PACE.model_copy(update={"warm_up_seconds": 1, "most_seconds": 8}))
    assert (timing.warm_up, len(timing.totals), timing.steady) == (1 + WINDOW, 4, True)


@pytest.mark.parametrize(("seconds", "calls"), [(10, 10), (0.1, 300), (50, 3), (1e-12, 30_000_000_000)])
def test_calls_fill_iterations_and_seconds_but_not_more_than_the_most(seconds, calls):
    assert calls_at(seconds, PACE) == calls


def test_percentiles_and_rate_by_hand():
    # Ten calls of 1 to 10 s: linear interpolation at 0.5·9, 0.9·9 and 0.99·9.
    timing = Timing(np.arange(1.0, 11)[:, None], 0, True)
    assert timing.percentiles() == pytest.approx((5.5, 9.1, 9.91))
    rate = timing.rate(4)
    assert rate.value == pytest.approx(40 / 55)
    assert rate.interval[0] < rate.value < rate.interval[1]
    assert rate.replicates is None
    steady = Timing(np.full((50, 1), 0.5), 0, True).rate(1)
    assert (steady.value, steady.stderr) == (2, 0)


def test_steps_divide_a_call():
    clock = Script([1])

    def call(step) -> None:
        clock.call(step)
        step()
        clock.call(step)
        clock.call(step)

    timing = timed(call, clock, PACE)
    assert timing.seconds[0].tolist() == [1, 2]
    assert timing.totals[0] == 3


def test_other_devices_have_no_clock():
    import torch

    with pytest.raises(BenchError, match="--device meta: throughput is timed on cuda and cpu only"):
        clock_of(torch.device("meta"))
