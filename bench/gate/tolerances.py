"""Tolerances: how much worse a metric may become before it counts."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping

from bench import registry
from bench.errors import BenchError, UnknownName
from bench.leaderboard.names import shown_in
from bench.values import Tolerance

# Large enough for another processor's rounding; a value whose line states a tolerance has that instead.
BY_UNIT: Mapping[str, Tolerance] = {
    "dB": Tolerance(0.005),
    "MOS": Tolerance(0.01),
    "entries": Tolerance(relative=0.001),
    "bit/code": Tolerance(relative=0.001),
    "img/s": Tolerance(relative=0.20),
    "s/s": Tolerance(relative=0.20),
    # Allocators keep more or less for later: small peaks of unchanged code differed by 40 from run to run.
    "MiB": Tolerance(absolute=64.0, relative=0.10),
}
OTHERS = Tolerance(relative=0.005)
"""The tolerance of Fréchet distances, KID, Inception Score, spectral distances, model bits and foreign metrics."""

POINTS = "pp"
"""Percentage points, the unit of a tolerance where tables show a fraction in percent."""
_GRAMMAR = re.compile(r"(?P<number>[0-9.eE+-]+|inf)\s*(?P<unit>\S*)")


def default(metric: str, unit: str) -> Tolerance:
    """Return the default tolerance of a value: the one its registry line states, otherwise that of its unit."""
    line = registry.values().get(metric)
    return (line and line.tolerance) or BY_UNIT.get(unit) or OTHERS


def parse(
    texts: Iterable[str], units: Mapping[str, str], judged: Collection[str] | None = None
) -> dict[str, Tolerance]:
    """Parse tolerances by metric from ``METRIC=NUMBER[UNIT]``, or ``METRIC=NUMBER%`` of the value before.

    For a fraction that tables show in percent (WER, utilization), an amount is in percentage points, ``0.5pp``: a bare
    number could mean either 0.5 or 0.5%, so it is rejected unless it is 0 or inf.

    Args:
        texts: the options as given.
        units: units of the metrics that have a direction, including those without a value.
        judged: those of them that can be judged, listed when a name is unknown; all by default.

    Raises:
        UnknownName: no such metric.
        BenchError: the unit is not the metric's, or there is no number.
    """
    tolerances = {}
    for text in texts:
        metric, equals, amount = text.partition("=")
        match = _GRAMMAR.fullmatch(amount.strip())
        number = _number(match["number"]) if match else math.nan
        if not equals or match is None or not number >= 0:
            raise BenchError(f"--tolerance {text}: write METRIC=NUMBER, METRIC=NUMBER with its unit, or METRIC=NUMBER%")
        if metric not in units:
            raise UnknownName("metric that can be judged in these results", metric, units if judged is None else judged)
        shown, scale = shown_in(metric, units[metric])
        expected = POINTS if shown == "%" else units[metric]
        unit = match["unit"]
        if unit == "%":
            tolerances[metric] = Tolerance(relative=number / 100)
        elif unit.lower() == expected.lower() or (not unit and (expected != POINTS or number in (0, math.inf))):
            tolerances[metric] = Tolerance(absolute=number / scale)
        else:
            stated = f"is in {expected}" if expected else "has no unit"
            points = " (percentage points: tables show it in %)" if expected == POINTS else ""
            raise BenchError(f"--tolerance {text}: {metric} {stated}{points}; {number:g}% is of the value before")
    return tolerances


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
