"""The lines of values: what each number is, for everything that shows, judges or plots it.

A value is what a metric (or a task) gives under a name. Its line stands in the registry line of its metric
(:attr:`bench.registry.Entry.values`), or among the ``values`` lines of a modality or of the bench if a task gives it.
Tables take the title and the order of columns from it, the gate its tolerance, the site its plots, and the metric's
class its unit, direction and bounds. Nothing here imports torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Section = Literal["quality", "rate", "cost"]
SECTIONS: tuple[Section, ...] = ("quality", "rate", "cost")
"""The sections of a table, in their order."""

Role = Literal["rate", "speed", "reconstructed", "generated", "modelled"]
ANY_NUMBER = (-math.inf, math.inf)
FROM_ZERO = (0.0, math.inf)
"""Bounds of distances, rates and costs."""
DETAIL = re.compile(r"(?P<value>\w+?)_(?P<part>level_(?P<level>\d+)|rank_(?P<rank>\d+)|joint)")
"""The name of a detail of a value: of one codebook or pyramid level, of one process of several that measured a cell
together, or of all codebook levels jointly."""


@dataclass(frozen=True)
class Tolerance:
    """How much worse a value may get: ``absolute`` in its unit or ``relative`` to before, whichever is more."""

    absolute: float = 0.0
    relative: float = 0.0

    def of(self, before: float) -> float:
        """The accepted worsening in the value's unit, for the value ``before``."""
        return max(self.absolute, self.relative * abs(before))


@dataclass(frozen=True)
class PlotPart:
    """A role that a value has in plots.

    Attributes:
        role: ``rate``: the x-axis of rate and distortion. ``speed``: the x-axis of plots of its own against quality.
            ``reconstructed``: what a tokenizer alone loses, the x-axis of reconstruction and generation.
            ``generated``: what a model makes of its tokens, a y-axis there. ``modelled``: a rate although it stands
            among the qualities, so that it is not drawn against a rate.
        title: the name of a speed in the titles of its plots; empty for other roles.
        rank: order among values of the same role where a plot takes the first one measured: lowest first, and of
            equal ranks the first line.
    """

    role: Role
    title: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Value:
    """The line of one value.

    Attributes:
        name: its key in results, snake_case.
        title: title of its column in tables; the name if empty.
        unit: unit of the value; empty if dimensionless.
        higher_is_better: None where neither direction is better.
        bounds: smallest and largest possible value; intervals are cut off there.
        device_bound: whether values from different devices must not be compared.
        section: section of the table: quality first, then rates and codebooks, then cost.
        default: whether tables for people have the column; CSV and JSON have them all.
        percent: whether tables for people show a fraction as a percentage.
        shown_unit: unit shown instead of ``unit``, for instance none where the title says it; None shows ``unit``.
        tolerance: the worsening that the gate accepts where the user says nothing; None takes that of the unit.
        plots: its roles in plots.
        always: whether its metric always gives it; False for one that is left out where it says nothing new.
        last: whether its column stands behind those of the same section that are not last.
    """

    name: str
    title: str = ""
    unit: str = ""
    higher_is_better: bool | None = None
    bounds: tuple[float, float] = ANY_NUMBER
    device_bound: bool = False
    section: Section = "quality"
    default: bool = True
    percent: bool = False
    shown_unit: str | None = None
    tolerance: Tolerance | None = None
    plots: tuple[PlotPart, ...] = ()
    always: bool = True
    last: bool = False

    def plot(self, role: Role) -> PlotPart | None:
        """Its part in plots with that role; None if it has none."""
        return next((plot for plot in self.plots if plot.role == role), None)

    def called(self, name: str, title: str) -> Value:
        """This line under another name and title, without a tolerance of its own and without plots."""
        return replace(self, name=name, title=title, tolerance=None, plots=())


def by_name(values: Iterable[Value]) -> Mapping[str, Value]:
    """The values by their names, in their order.

    Raises:
        ValueError: two have the same name.
    """
    named: dict[str, Value] = {}
    for value in values:
        if value.name in named:
            raise ValueError(f"two values are called {value.name}")
        named[value.name] = value
    return named


def whole(name: str) -> str:
    """The name of the value that a detail belongs to; that name itself if it is not a detail."""
    match = DETAIL.fullmatch(name)
    return match["value"] if match else name
