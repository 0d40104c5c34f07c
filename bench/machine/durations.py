"""Durations as people write and read them."""

from __future__ import annotations

import math
import re

from bench.errors import BenchError

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float:
    """The seconds in ``90``, ``90s``, ``30m``, ``2h`` or ``1d``.

    Raises:
        BenchError: the text is not of this form, or the duration is zero.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?(s|m|min|h|d|)", text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else math.nan
    if not seconds > 0:
        raise BenchError(f"{text!r} is not a time: write seconds (90), minutes (30m) or hours (2h)")
    return seconds


def duration(seconds: float) -> str:
    """A duration in seconds as text: ``0.5 s``, ``24 s``, ``3 min 20 s``, ``2 h 5 min``, ``0 s``."""
    if seconds < 1:
        return f"{seconds:.1g} s" if seconds >= 1e-3 else "0 s"
    whole = round(seconds)
    parts = [(whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    while not parts[0][0]:
        del parts[0]
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number)
