"""How many digits of a number its uncertainty supports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SIGNIFICANT = 2  # digits of a half-interval; the Particle Data Group's upper choice
SIGNIFICANT_ALONE = 3  # digits of the smallest value where nothing is known of the uncertainty
MOST_ALONE = 6


@dataclass(frozen=True)
class Number:
    """A value as it is shown, rounded, and half the width of its interval, empty if it has none."""

    value: str
    half: str = ""

    def __str__(self) -> str:
        return f"{self.value} ± {self.half}" if self.half else self.value


def fixed(value: float, decimals: int) -> str:
    """The value rounded to so many decimals; to tens, hundreds, … where ``decimals`` is negative."""
    text = f"{round(value, decimals) if decimals < 0 else value:.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def supported(half: float) -> int:
    """Decimals that a half-interval supports: those of its second significant digit (24.31 ± 0.52)."""
    return SIGNIFICANT - 1 - _exponent(half, SIGNIFICANT)


def column_decimals(numbers: Iterable[tuple[float, float | None]]) -> int:
    """One number of decimals for a column of (value, half-interval; None where there is none or its width is zero).

    It is the least that any interval of the column supports. A column without intervals shows whole
    numbers as such and others with three digits of the smallest.
    """
    numbers = list(numbers)
    halves = [half for _, half in numbers if half is not None]
    if halves:
        return min(supported(half) for half in halves)
    sizes = [abs(value) for value, _ in numbers if value]
    if all(size.is_integer() for size in sizes):
        return 0
    return max(0, min(MOST_ALONE, SIGNIFICANT_ALONE - 1 - _exponent(min(sizes), SIGNIFICANT_ALONE)))


def decimals_of(value: float, half: float | None, column: int) -> int:
    """Decimals of one cell: the column's, unless they would round away what is known of this one.

    That is so for a half-interval below the column's last digit (4.31 ± 0.05 under 251 ± 12), for a value
    of which less than two digits would be left (93 ± 1034), and for a number without interval that
    would round to zero.
    """
    if half is not None:
        needed = supported(half) if _exponent(half, SIGNIFICANT) < -column else column
        return max(needed, min(0, SIGNIFICANT - 1 - _exponent(abs(value), SIGNIFICANT))) if value else needed
    vanishes = value != 0 and float(fixed(value, max(column, 0))) == 0
    return SIGNIFICANT_ALONE - 1 - _exponent(abs(value), SIGNIFICANT_ALONE) if vanishes else max(column, 0)


def number(value: float, half: float | None, decimals: int) -> Number:
    """A value and its half-interval with the same decimals."""
    return Number(fixed(value, decimals), "" if half is None else fixed(half, decimals))


def _exponent(size: float, digits: int) -> int:
    """Power of ten of a positive number's first digit, once it is rounded to so many digits."""
    return int(f"{size:.{digits - 1}e}".partition("e")[2])
