"""Digits follow from the uncertainty, and intervals are shown as what they are."""

from __future__ import annotations

import math
import random
import re

import pytest

from bench.leaderboard.digits import (
    Interval,
    Number,
    column_decimals,
    fixed,
    number,
    significant,
    supported,
    uncertain,
)


def around(value: float, half: float | None) -> tuple[float, Interval | None]:
    return value, None if half is None else (value - half, value + half)


def column(numbers: list[tuple[float, Interval | None]]) -> list[Number]:
    known = [(value, uncertain(value, interval)) for value, interval in numbers]
    decimals = column_decimals(known)
    return [number(*estimated, places) for estimated, places in zip(known, decimals, strict=True)]


@pytest.mark.parametrize(
    ("half", "decimals"),
    [(0.52, 2), (0.0123, 3), (0.0996, 2), (9.96, 0), (5.4, 1), (12, 0), (230, -1), (1.0, 1), (0.00003, 6)],
)
def test_an_interval_supports_its_second_digit(half: float, decimals: int) -> None:
    assert supported(half) == decimals


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([(24.3127, 0.5213)], ["24.31 ± 0.52"]),
        ([(24.3127, 0.5213), (27.4149, 0.0834)], ["24.31 ± 0.52", "27.41 ± 0.08"]),
        ([(24.3127, 0.5213), (30.1, None)], ["24.31 ± 0.52", "30.10"]),
        ([(4512.3, 231.0), (87.0, None)], ["4510 ± 230", "87"]),
        # The widest interval must not round the others away.
        ([(251.3, 12.2), (4.3123, 0.0512), (31.1, 1.2)], ["251 ± 12", "4.312 ± 0.051", "31 ± 1"]),
        # Nor may its own interval round a value away.
        ([(93.4, 1034.0), (1200.0, 2100.0)], ["93 ± 1034", "1200 ± 2100"]),
        ([(256.0, None), (1024.0, None)], ["256", "1024"]),
        ([(0.15625, None), (1.5, None)], ["0.156", "1.500"]),
        ([(123.4, None), (0.0, None)], ["123", "0"]),
        # What is exact gets no decimals for the sake of others, whether these are uncertain or small.
        ([(16000.0, None), (50.4936, 0.0799)], ["16000", "50.494 ± 0.080"]),
        ([(16000.0, None), (12.5, None), (0.15625, None)], ["16000", "12.5", "0.156"]),
        ([(100.0, None), (2e-9, None)], ["100", "2.00e-9"]),
        ([(0.5, None), (0.00001809, None)], ["0.500", "1.81e-5"]),
        ([(0.5, 0.1), (0.00001809, 0.0000021)], ["0.50 ± 0.10", "1.81e-5 ± 0.21e-5"]),
        ([(1.3e-17, 3.6e-13)], ["0 ± 3.6e-13"]),
        ([(0.0, None)], ["0"]),
        ([(-0.001, 0.2)], ["0.00 ± 0.20"]),
        ([(1.234e20, 3e18), (5.0, 1.0)], ["1.234e20 ± 0.030e20", "5.0 ± 1.0"]),
        ([], []),
    ],
)
def test_a_column(numbers: list[tuple[float, float | None]], shown: list[str]) -> None:
    assert [str(each) for each in column([around(*given) for given in numbers])] == shown


@pytest.mark.parametrize(
    ("value", "interval", "shown"),
    [
        (660.0, (0.0, 1921.0), "660 (0 to 1920)"),
        (65.9, (30.3, 100.0), "66 (30 to 100)"),
        (0.5, (0.5, 0.62), "0.500 (0.500 to 0.620)"),
        (12.9, (-3.1, 5.2), "12.9 (-3.1 to 5.2)"),
        # A bootstrap's sides that differ by less than the shown digits.
        (5.13, (4.71, 5.553), "5.13 ± 0.42"),
    ],
)
def test_an_interval_that_is_not_symmetric_is_shown_by_its_ends(value: float, interval: Interval, shown: str) -> None:
    assert [str(each) for each in column([(value, interval)])] == [shown]


@pytest.mark.parametrize("seed", range(200))
def test_of_any_magnitude_nothing_is_lost_and_nothing_made_up(seed: int) -> None:
    """What is read back is what was given, as far as the interval allows, in few characters."""
    draw = random.Random(seed)
    numbers: list[tuple[float, Interval | None]] = []
    for _ in range(draw.randint(1, 5)):
        value = draw.choice([-1, 1]) * 10 ** draw.uniform(-30, 30) * draw.choice([0, 1, 1, 1])
        half = (abs(value) or 1) * 10 ** draw.uniform(-12, 2)
        cut = draw.choice([1.0, 1.0, 0.3, 0.0])
        numbers.append((value, draw.choice([None, (value - half * cut, value + half)])))
    for (value, interval), shown in zip(numbers, column(numbers), strict=True):
        interval = uncertain(value, interval)
        half = (interval[1] - interval[0]) / 2 if interval else 0.0
        assert abs(float(shown.value) - value) <= (0.26 * half if interval else 0.05 * abs(value))
        assert len(shown.value) <= 24
        if interval is None:
            assert not shown.spread
            # Neither zeros after the point nor decimals that nobody asked for.
            assert not re.search(r"\.0{5}|\d{5}\.\d", shown.value)
        elif shown.spread.startswith("±"):
            assert float(shown.spread[2:]) == pytest.approx(half, rel=0.5)
            assert interval[0] + interval[1] == pytest.approx(2 * value, abs=half)
        else:
            low, high = map(float, shown.spread.strip("()").split(" to "))
            assert low <= high
            for end, told in zip(interval, (low, high), strict=True):
                assert told == pytest.approx(end, abs=0.5 * half)


def test_sides_are_symmetric_whatever_rounding_makes_of_them() -> None:
    for seed in range(2000):
        draw = random.Random(seed)
        value, half = draw.uniform(0, 100), draw.uniform(0, 10)
        (shown,) = column([(value, (value - half, value + half))])
        assert shown.spread.startswith("±")


def test_fixed_rounds_to_tens_and_drops_the_sign_of_zero() -> None:
    assert [fixed(1234.0, -2), fixed(-0.04, 1), fixed(-0.06, 1)] == ["1200", "0.0", "-0.1"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (16000.0, "16000"),
        (25103.72, "25104"),
        (1234567.8, "1234568"),
        (0.5, "0.5"),
        (0.001234567, "0.0012346"),
        (-0.0000181, "-1.81e-5"),
        (0.0, "0"),
    ],
)
def test_a_number_by_itself(value: float, shown: str) -> None:
    assert significant(value, 5) == shown
    assert math.isclose(float(shown), value, rel_tol=1e-4)
