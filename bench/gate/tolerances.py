"""How much worse a metric may become before anyone has to know."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.errors import BenchError, UnknownName


@dataclass(frozen=True)
class Tolerance:
    """A worsening that is accepted: ``absolute`` in the metric's unit or ``relative`` to before, whichever is more."""

    absolute: float = 0.0
    relative: float = 0.0

    def of(self, before: float) -> float:
        """In the metric's unit, for a value before."""
        return max(self.absolute, self.relative * abs(before))


# Small enough to show one code of 4096 that is never used again, large enough for another processor's rounding.
BY_METRIC: Mapping[str, Tolerance] = {
    "ssim": Tolerance(0.0002),
    "ms_ssim": Tolerance(0.0002),
    "lpips_alex": Tolerance(0.0005),
    "lpips_vgg": Tolerance(0.0005),
    "precision": Tolerance(0.002),
    "recall": Tolerance(0.002),
    "coverage": Tolerance(0.002),
    "stoi": Tolerance(0.001),
    "estoi": Tolerance(0.001),
    "speaker_similarity": Tolerance(0.001),
    "wer": Tolerance(0.002),
    "cer": Tolerance(0.002),
    "dwer": Tolerance(0.002),
    "codebook_utilization": Tolerance(0.0001),
}
BY_UNIT: Mapping[str, Tolerance] = {
    "dB": Tolerance(0.005),
    "MOS": Tolerance(0.01),
    "entries": Tolerance(relative=0.001),
    "bit/code": Tolerance(relative=0.001),
    "img/s": Tolerance(relative=0.20),
    "s/s": Tolerance(relative=0.20),
    # Allocators keep more or less for later: small peaks differ by as much from run to run.
    "MiB": Tolerance(absolute=32.0, relative=0.10),
}
OTHERS = Tolerance(relative=0.005)
"""Fréchet distances, KID, Inception Score, spectral distances, model bits and whatever other packages bring."""

_GRAMMAR = re.compile(r"(?P<number>[0-9.eE+-]+|inf)\s*(?P<unit>\S*)")


def default(metric: str, unit: str) -> Tolerance:
    """What holds where the user says nothing."""
    return BY_METRIC.get(metric) or BY_UNIT.get(unit) or OTHERS


def parse(texts: Iterable[str], units: Mapping[str, str]) -> dict[str, Tolerance]:
    """Tolerances by metric from ``METRIC=NUMBER[UNIT]`` or ``METRIC=NUMBER%``, relative to the value before.

    Args:
        units: of the metrics that can be judged.

    Raises:
        BenchError: a metric that is not there, another unit than the metric's, no number.
    """
    found = {}
    for text in texts:
        metric, equals, amount = text.partition("=")
        match = _GRAMMAR.fullmatch(amount.strip())
        number = _number(match["number"]) if match else math.nan
        if not equals or match is None or not number >= 0:
            raise BenchError(f"--tolerance {text}: write METRIC=NUMBER, METRIC=NUMBER with its unit, or METRIC=NUMBER%")
        if metric not in units:
            raise UnknownName("metric of these results", metric, units)
        unit = match["unit"]
        if unit == "%":
            found[metric] = Tolerance(relative=number / 100)
        elif unit.lower() in ("", units[metric].lower()):
            found[metric] = Tolerance(absolute=number)
        else:
            known = f"is in {units[metric]}" if units[metric] else "has no unit"
            raise BenchError(f"--tolerance {text}: {metric} {known}; % is relative to the value before")
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
