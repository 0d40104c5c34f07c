"""One metric of one pair of results: its numbers and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.errors import with_remedy
from bench.leaderboard.names import heading, shown_in

NEITHER = "no value on either side"
WITHIN_TOLERANCE = "within the tolerance"


class Verdict(StrEnum):
    """The verdict on one comparison."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    HELD = "held"
    WORSE = "worse"
    """Worse by more than the tolerance, but not beyond chance: deciding whether it is a regression takes more data."""
    UNDECIDED = "undecided"
    """Beyond the tolerance, but without an error to decide whether beyond chance."""
    SHOWN = "shown"
    """Neither direction is better, or no verdict was asked for."""
    NOT_COMPARED = "not compared"
    """One side has no value, or the value compares on one device only."""
    MISSING = "missing"
    """A quality metric had a value before and has none now."""


JUDGED = (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.WORSE, Verdict.HELD)


@dataclass(frozen=True)
class Comparison:
    """One metric of one pair.

    Attributes:
        system, against: names of the system after and before.
        unit: unit of before, after, difference, interval and tolerance.
        p: one-sided p-value of "no worse than the tolerance"; None where nothing was tested.
        adjusted: p adjusted for the number of comparisons that moved (``bench/gate/multiplicity.py``).
        groups: number of independent groups of samples that it rests on; None if unknown.
        needed: number of groups with which a difference of this size would be beyond chance; None where the question
            does not arise, or no number of groups helps (``bench/gate/power.py``).
        reason: explanation of the verdict, where it needs one; ``remedy`` says what helps where there is no value.
        metric_fingerprint: fingerprint of the metric that gave the value after, or before if there is none after.
    """

    system: str
    against: str
    task: str
    fingerprint: str
    metric: str
    verdict: Verdict
    unit: str = ""
    higher_is_better: bool | None = None
    device_bound: bool = False
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0
    method: str = ""
    note: str = ""
    tolerance: float | None = None
    p: float | None = None
    adjusted: float | None = None
    groups: int | None = None
    needed: int | None = None
    reason: str = ""
    moved: bool = False
    remedy: str = ""
    metric_fingerprint: str = ""

    @property
    def lacking(self) -> str:
        """Reason and remedy as one text."""
        return with_remedy(self.reason, self.remedy)

    @property
    def title(self) -> str:
        """The metric as tables call it."""
        return heading(self.metric).title

    @property
    def shown_in(self) -> tuple[str, float]:
        """Unit and scale of before, after, difference, interval and tolerance in tables."""
        return shown_in(self.metric, self.unit)

    @property
    def detail(self) -> bool:
        """Whether it belongs to one codebook level, which is exported and never judged."""
        return heading(self.metric).detail
