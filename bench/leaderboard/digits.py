"""How many digits of a number its uncertainty supports, and how a number and its interval are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

SIGNIFICANT = 2  # digits of a half-interval; the Particle Data Group's upper choice
SIGNIFICANT_ALONE, MOST_ALONE = 3, 5  # digits at least, and at most after the point, of a number without interval
COMPARABLE = 100.0  # numbers without intervals share their decimals if the largest is at most so many times larger
SMALL, LARGE = 1e-4, 1e15  # numbers below the first, or not below the second, are written with an exponent
ALIKE = 1e-6  # half-widths of an interval that differ by less, relative to its width, differ by rounding only
NEGLIGIBLE = 1e-9  # an interval this narrow, relative to its value, is rounding noise of an exact number

Interval = tuple[float, float]
Estimated = tuple[float, Interval | None]
"""A value and the ends of its interval; None if it has none or the interval has no width."""


@dataclass(frozen=True)
class Number:
    """A rounded value as it is shown, with its uncertainty.

    Attributes:
        value: the rounded value.
        spread: ``± 0.52``, half of a symmetric interval; ``(31 to 100)``, the ends of an asymmetric one, such as one
            that is cut where no value can lie; empty if there is no interval.
    """

    value: str
    spread: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.spread}".rstrip()


def fixed(value: float, decimals: int) -> str:
    """Round a value to ``decimals`` decimals, or to tens, hundreds, … where ``decimals`` is negative."""
    text = f"{round(value, decimals) if decimals < 0 else value:.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def signed(text: str) -> str:
    """Add a plus sign to a written positive number; what is shown as zero has no sign."""
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def supported(half: float) -> int:
    """Return the decimals that a half-interval supports: up to its second significant digit (24.31 ± 0.52)."""
    return SIGNIFICANT - 1 - _exponent(half, SIGNIFICANT)


def uncertain(value: float, interval: Interval | None) -> Interval | None:
    """Return the interval, or None where it is as narrow as rounding makes it.

    ``256 ± 0`` says no more than 256 does, and ``0.188 ± 0.000`` for 0.1875 would be wrong.
    """
    return None if interval is None or _half(interval) <= NEGLIGIBLE * abs(value) else interval


def column_decimals(numbers: Sequence[Estimated]) -> list[int]:
    """Return the decimals of each number of a column.

    All have the same, those that the widest interval supports; without intervals those that give the smallest of
    comparable numbers three digits, none where all are whole. A number has others where these would round away what
    is known of it: for a half-interval below the last digit (4.31 ± 0.05 under 251 ± 12), for a value of which less
    than two digits would be left (93 ± 1034), three in a column without intervals, unless it is whole. Nor do exact
    numbers get decimals for the sake of others: a whole one among intervals has none, any at most five digits.
    """
    halves = [_half(interval) for _, interval in numbers if interval]
    if halves:
        common, least = min(supported(half) for half in halves), SIGNIFICANT
    else:
        common, least = _exact_decimals([abs(value) for value, _ in numbers if value]), SIGNIFICANT_ALONE
    return [_decimals(value, interval, common, least) for value, interval in numbers]


def number(value: float, interval: Interval | None, decimals: int) -> Number:
    """Write a value and its interval with the same decimals, or the same exponent where they are very small or large.

    The interval is written as ± half its width if both half-widths look the same, otherwise as its two ends.
    """
    write = _writer(value, interval, decimals)
    if interval is None:
        return Number(write(value))
    below, above = value - interval[0], interval[1] - value
    if write(below) == write(above) or abs(above - below) <= ALIKE * (above + below):
        return Number(write(value), f"± {write(_half(interval))}")
    low, high = (write(end) if end else "0" for end in interval)
    return Number(write(value), f"({low} to {high})")


def significant(value: float, digits: int) -> str:
    """Write a number with at most ``digits`` significant digits; those before the point are never rounded away."""
    if float(value).is_integer() and abs(value) < LARGE:
        return fixed(value, 0)
    decimals = digits - 1 - _exponent(abs(value), digits)
    mantissa, e, exponent = _writer(value, None, max(0, decimals))(value).partition("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}{e}{exponent}"


def _half(interval: Interval) -> float:
    return (interval[1] - interval[0]) / 2


def _exact_decimals(sizes: Sequence[float]) -> int:
    """Decimals of a column of numbers without intervals, by their sizes, none of which is 0."""
    near = [size for size in sizes if size * COMPARABLE >= max(sizes)]
    if all(float(size).is_integer() for size in near):
        return 0
    return max(0, SIGNIFICANT_ALONE - 1 - _exponent(min(near), SIGNIFICANT_ALONE))


def _decimals(value: float, interval: Interval | None, common: int, least: int) -> int:
    size = abs(value)
    if interval is not None:
        half = _half(interval)
        needed = supported(half) if _exponent(half, SIGNIFICANT) < -common else common
        return max(needed, min(0, SIGNIFICANT - 1 - _exponent(size, SIGNIFICANT))) if value else needed
    common, whole = max(common, 0), float(value).is_integer()
    if value == 0 or (whole and least == SIGNIFICANT):
        return 0
    before = _exponent(size, SIGNIFICANT_ALONE) + 1
    if before + common < least and not whole:
        return SIGNIFICANT_ALONE - before
    return max(0, min(common, MOST_ALONE - before))


def _writer(value: float, interval: Interval | None, decimals: int) -> Callable[[float], str]:
    """How a number, its interval and all that is computed from them are written."""
    size = max(abs(value), _half(interval) if interval else 0.0)
    if size == 0 or SMALL <= size < LARGE:
        return lambda given: fixed(given, decimals)
    exponent = _exponent(size, SIGNIFICANT)
    digits = max(0, decimals + exponent) if interval or exponent < 0 else SIGNIFICANT_ALONE - 1

    def scientific(given: float) -> str:
        mantissa = f"{Decimal(given).scaleb(-exponent):.{digits}f}"
        return f"{mantissa}e{exponent}" if float(mantissa) else "0"

    return scientific


def _exponent(size: float, digits: int) -> int:
    """Power of ten of a positive number's first digit, once it is rounded to ``digits`` digits."""
    return int(f"{size:.{digits - 1}e}".partition("e")[2])
