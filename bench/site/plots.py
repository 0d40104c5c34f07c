"""The model of a plot: two metrics against each other, their error bars, and the frontier of unbeaten systems.

It holds values in shown units; the page's SVG and the files for papers draw the same model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from bench import registry
from bench.leaderboard.digits import Number
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Column, Row, Table
from bench.values import PlotPart, Role

LOGARITHMIC = 8.0
"""An axis is logarithmic where its largest value is more than this many times the smallest."""
PADDING = 0.06
MOST_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """One axis of a plot.

    Attributes:
        title: title of the metric.
        unit: unit of the values; empty if there is none.
        low, high: its ends.
        logarithmic: whether its scale is logarithmic.
        higher_is_better: whether higher values are better; False also where neither direction is.
        ticks: values and how they are written.
    """

    title: str
    unit: str
    low: float
    high: float
    logarithmic: bool
    higher_is_better: bool
    ticks: tuple[tuple[float, str], ...]

    @property
    def words(self) -> str:
        """Title, unit and direction."""
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.title}{unit} {'↑' if self.higher_is_better else '↓'}"

    def at(self, value: float) -> float:
        """Return the position of a value between the axis's ends, from 0 to 1, clipped."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value) if value > 0 else -math.inf
        return min(1.0, max(0.0, (value - low) / (high - low)))


@dataclass(frozen=True)
class Coordinate:
    """One value of a point in the shown unit, the ends of its interval, and its text with unit."""

    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Point:
    """One row of the table as a point.

    Attributes:
        row: the row.
        x, y: its values.
        on_frontier: whether no other point beats it in both values.
        setting: what distinguishes it from the row's other points; empty where it has only one.
    """

    row: Row
    x: Coordinate
    y: Coordinate
    on_frontier: bool
    setting: str = ""

    @property
    def label(self) -> str:
        """The name of the row, and the setting."""
        return clean(f"{self.row.label} {self.setting}".rstrip())


@dataclass(frozen=True)
class Plot:
    """Two metrics of a table against each other.

    Attributes:
        name: name for files, unique in its table.
        x, y: the axes.
        points: the points in the table's order.
        frontier: corners ``(x, y)`` of the step line between the points that no other beats in both, by x.
        absent: labels of measured rows that have no value on one of the axes.
    """

    name: str
    x: Axis
    y: Axis
    points: tuple[Point, ...]
    frontier: tuple[tuple[float, float], ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Plots that share their x-axis, one per quality metric."""

    title: str
    plots: tuple[Plot, ...]


def families(table: Table) -> list[Family]:
    """Return all plots of a table with at least two points, by family.

    The families are rate and distortion, reconstruction and generation, and quality and throughput. Speeds on several
    devices or batch sizes do not compare, so there is no plot of them.
    """
    by_name = {column.metric: column for column in table.columns}
    measured = [name for name, column in by_name.items() if table.measured(column)]
    rate = next((by_name[name] for name in in_role("rate") if name in measured), None)
    loss = next((by_name[name] for name in in_role("reconstructed") if name in measured), None)
    generated = [by_name[name] for name in in_role("generated") if name in measured]
    across = [("Rate and distortion", rate, _qualities(table))] if rate else []
    across += [("Reconstruction and generation", loss, generated)] if loss else []
    if len(table.setups) < 2:
        speeds = [(plot.title or name, by_name[name]) for name, plot in in_role("speed").items() if name in by_name]
        across += [(f"Quality and {title.lower()}", x, _qualities(table)) for title, x in speeds]
    groups = []
    for title, x, columns in across:
        plots = [plot for y in columns if (plot := _plot(table, x, y))]
        if plots:
            groups.append(Family(title, tuple(plots)))
    return groups


def in_role(role: Role) -> dict[str, PlotPart]:
    """Return the values that play a role in plots, by name, the first choice first."""
    parts = {name: part for name, value in registry.values().items() if (part := value.plot(role))}
    return dict(sorted(parts.items(), key=lambda item: item[1].rank))


def _qualities(table: Table) -> list[Column]:
    """The quality metrics with a better direction, the one that orders the table first."""
    quality = [column for column in table.columns if column.heading.section == "quality" and column.heading.default]
    modelled = in_role("modelled")
    directed = [c for c in quality if c.higher_is_better is not None and c.metric not in modelled]
    return sorted(directed, key=lambda column: column != table.order)


def _plot(table: Table, x: Column, y: Column) -> Plot | None:
    rows = [row for row in table.rows if not row.failed]
    both = [row for row in rows if row.cells[x.metric].number and row.cells[y.metric].number]
    if len(both) < 2:
        return None
    shown = {row.result.key for row in both}
    places = [(_coordinate(x, row), _coordinate(y, row)) for row in both]
    # At equal quality the lower rate is preferred, though a rate as such is neither good nor bad.
    signs = (1 if x.higher_is_better else -1, 1 if y.higher_is_better else -1)
    whole = [i for i, row in enumerate(both) if _compares(table, row, (x, y))]
    values = [(signs[0] * a.value, signs[1] * b.value) for a, b in (places[i] for i in whole)]
    best = {whole[i] for i in unbeaten_of(values)}
    points = tuple(Point(row, a, b, i in best) for i, (row, (a, b)) in enumerate(zip(both, places, strict=True)))
    return Plot(
        name=f"{y.metric}-{x.metric}",
        x=axis_of(x, [a for a, _ in places]),
        y=axis_of(y, [b for _, b in places]),
        points=points,
        frontier=steps_of([point for point in points if point.on_frontier], signs[0] > 0),
        absent=tuple(clean(row.label) for row in rows if row.result.key not in shown),
    )


def _compares(table: Table, row: Row, columns: Iterable[Column]) -> bool:
    """Whether a row's values rest on all samples: a mean that lacks the hard ones must not beat others."""
    contests = (table.contests.get(column.metric) for column in columns)
    return all(contest is None or row.result.key in contest.complete for contest in contests)


def _coordinate(column: Column, row: Row) -> Coordinate:
    cell = row.cells[column.metric]
    assert cell.estimate is not None
    assert cell.estimate.value is not None
    value = cell.estimate.value
    low, high = (column.scale * end for end in cell.estimate.interval or (value, value))
    number = cell.number or Number(str(value))
    return Coordinate(column.scale * value, low, high, f"{number} {column.unit}".strip())


def unbeaten_of(values: Sequence[tuple[float, float]]) -> set[int]:
    """Indices of the values that no other equals or beats in both and beats in one; higher is better here."""
    unbeaten: set[int] = set()
    best = -math.inf
    for _, same in groupby(
        sorted(range(len(values)), key=lambda i: values[i], reverse=True), key=lambda i: values[i][0]
    ):
        # Among those with equal x, the first have the highest y; all before have a higher x.
        indices = list(same)
        highest = values[indices[0]][1]
        if highest > best:
            unbeaten.update(i for i in indices if values[i][1] == highest)
            best = highest
    return unbeaten


def steps_of(points: Iterable[Point], rising: bool) -> tuple[tuple[float, float], ...]:
    """The corners of the staircase: whatever lies behind a corner is beaten by one of its two points."""
    line = sorted({(point.x.value, point.y.value) for point in points})
    corners: list[tuple[float, float]] = line[:1]
    for (x, y), (next_x, next_y) in pairwise(line):
        corners += [(x, next_y) if rising else (next_x, y), (next_x, next_y)]
    return tuple(corners)


def axis_of(column: Column, coordinates: Sequence[Coordinate]) -> Axis:
    """Return the axis of a column, on which all values and their intervals lie."""
    return spanned(clean(column.heading.title), clean(column.unit), bool(column.higher_is_better), coordinates)


def spanned(title: str, unit: str, higher_is_better: bool, coordinates: Sequence[Coordinate]) -> Axis:
    """Return an axis on which all values and their intervals lie."""
    values = [c.value for c in coordinates]
    logarithmic = min(values) > 0 and max(values) / min(values) > LOGARITHMIC
    if logarithmic:
        # An interval may reach below zero, which such an axis has no place for: the bar runs into its end.
        floor = min(values) / 2
        ends = [max(end, floor) for c in coordinates for end in (c.low, c.high)]
        low, high = math.log(min(ends)), math.log(max(ends))
        margin = PADDING * (high - low)
        low, high = math.exp(low - margin), math.exp(high + margin)
    else:
        ends = [end for c in coordinates for end in (c.low, c.high)]
        margin = PADDING * (max(ends) - min(ends)) or abs(max(ends)) * PADDING or 1.0
        low, high = min(ends) - margin, max(ends) + margin
        if low < 0 <= min(ends):
            low = 0.0
    return Axis(
        title=title,
        unit=unit,
        low=low,
        high=high,
        logarithmic=logarithmic,
        higher_is_better=higher_is_better,
        ticks=tuple((value, f"{value:g}") for value in _ticks(low, high, logarithmic)),
    )


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    chosen: list[float] = []
    if logarithmic:
        for subs in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0)):
            ticks = [float(f"{value:.6g}") for value in LogLocator(subs=subs, numticks=50).tick_values(low, high)]
            inside = [value for value in ticks if low <= value <= high]
            if not chosen or len(inside) <= MOST_TICKS + 1:
                chosen = inside
        if len(chosen) > 1:
            return chosen
    ticks = [
        float(f"{value:.6g}") for value in MaxNLocator(MOST_TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ]
    return [value for value in ticks if low <= value <= high]
