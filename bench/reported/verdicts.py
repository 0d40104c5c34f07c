"""Whether a measured number agrees with a reported one, as far as what is known about both allows to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal["agrees", "differs", "protocol not fully stated", "not comparable", "not measured"]
ROUNDING = 1e-9
"""What floating point adds to a difference, relative to the reported number."""


@dataclass(frozen=True)
class Verdict:
    """What can be said about a reported number.

    Attributes:
        kind: ``agrees`` if the two cannot be told apart, ``differs`` if they can and the protocols are the same,
            ``protocol not fully stated`` if they can but the source leaves open what may explain it,
            ``not comparable`` if the measurement has another protocol, or its preset is known to do something
            otherwise that may explain the difference, ``not measured`` if there is none.
        reason: why, as a phrase.
    """

    kind: Kind
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


@dataclass(frozen=True)
class Reported:
    """A number as its source prints it, whose digits say how well it is known.

    Attributes:
        value: with the digits of the source, in the unit of the table. Where that is not the source's unit, an
            exponent says how many digits it has: 0.5 is ``5E+1`` %, which 45 to 55 round to, and not 50.
        approximate: whether the source calls it approximate.
    """

    value: Decimal
    approximate: bool = False

    @property
    def rounding(self) -> float:
        """The largest distance to the number that was rounded: half a unit of its last digit, a whole one if ≈."""
        unit = 10.0 ** _exponent(self.value)
        return unit if self.approximate else unit / 2

    def verdict(
        self,
        measured: float,
        interval: tuple[float, float] | None,
        departures: Sequence[str] = (),
        silences: Sequence[str] = (),
        followed: bool = True,
        otherwise: str = "",
    ) -> Verdict:
        """Compare it with a measured number in the same unit.

        Numbers agree if the measured one rounds to the reported one, or if its 95% interval reaches what rounds to it.
        An agreement stands whatever the source leaves unsaid; a difference counts only if it leaves nothing unsaid, and
        if the preset does nothing otherwise.

        Args:
            interval: the ends of the measured number's 95% interval; None if it is exact or has none.
            departures: how the measurement's protocol differs from the reported one, as phrases.
            silences: what the source does not state and the number depends on, in words.
            followed: whether a preset follows the source; without one, nothing can be said about the protocols.
            otherwise: what the preset knowingly does otherwise than the source; empty if nothing.
        """
        if departures:
            return Verdict("not comparable", "; ".join(departures))
        if not followed:
            return Verdict("protocol not fully stated", "no preset follows the source")
        unsaid = f"the source does not state {_listed(silences)}" if silences else ""
        value = float(self.value)
        slack = ROUNDING * abs(value)
        if abs(measured - value) <= self.rounding + slack:
            return Verdict("agrees", "; ".join(filter(None, ("to its last digit", unsaid))))
        low, high = interval or (measured, measured)
        if low <= value + self.rounding + slack and value - self.rounding - slack <= high:
            return Verdict("agrees", "; ".join(filter(None, ("within the interval", unsaid))))
        if unsaid:
            return Verdict("protocol not fully stated", unsaid)
        return Verdict("not comparable", otherwise) if otherwise else Verdict("differs")


def decimals(value: Decimal) -> int:
    """The digits of a reported number after its point, as a table shows it."""
    return max(0, -_exponent(value))


def _exponent(value: Decimal) -> int:
    return int(value.as_tuple().exponent)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
