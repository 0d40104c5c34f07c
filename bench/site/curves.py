"""Curves over training as small multiples: a panel per system, all of a value on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contracts.trainings import Row as Values
from bench.leaderboard.collapse import judged_claims, plain_vq
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Row, Table
from bench.leaderboard.trainings import Curve, chosen, curves
from bench.site.drawing import System
from bench.site.layout import Frame
from bench.site.plots import Axis, Coordinate, spanned

FRAME = Frame(width=190, height=116, left=38, right=8, top=8, bottom=22, text=13)
"""A panel; small enough for two beside each other on a phone."""
MOST_TICKS = 4
QUANTIZERS = "Quantizers alone"
SHARE = "%"


@dataclass(frozen=True)
class Panel:
    """The curve of one system.

    Attributes:
        key, name, href: as the page of the table refers to its row.
        curve: its values.
        end: the mean at the last look, with unit.
        words: what it shows, for those who do not see it.
        seeds: a line per seed, or several where values are missing, as points of an SVG polyline in pixels.
        mean: the line of the mean over seeds.
        reference: the line of the mean of the system that all are compared with.
        texts: a few looks at it, as texts.
    """

    key: str
    name: str
    href: str
    curve: Curve
    end: str
    words: str
    seeds: tuple[str, ...]
    mean: tuple[str, ...]
    reference: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """One value of all systems.

    Attributes:
        name: name for files, unique in its table.
        title: what it shows, with unit.
        y: the axis of the value.
        steps: the last step, where the other axis ends.
        y_ticks: positions in pixels and texts.
        groups: the panels under the titles of their groups.
        reference: name of the system that all are compared with; empty without one.
        looks: steps of the texts of panels.
    """

    name: str
    title: str
    y: Axis
    steps: int
    y_ticks: tuple[tuple[float, str], ...]
    groups: tuple[tuple[str, tuple[Panel, ...]], ...]
    reference: str
    looks: tuple[int, ...]

    @property
    def panels(self) -> list[Panel]:
        """All panels, in their order."""
        return [panel for _, panels in self.groups for panel in panels]

    @property
    def frame(self) -> Frame:
        """The area of a panel."""
        return FRAME


def charts(table: Table, pages: Mapping[str, System]) -> list[Chart]:
    """Return a chart per value that trainings of the table were looked at for; none without trainings."""
    rows = [row for row in table.rows if row.result.trainings and not row.failed]
    seen = {row.result.key: {curve.name: curve for curve in _curves(row)} for row in rows}
    reference = plain_vq(table)
    names = dict.fromkeys(name for row in _ordered(table, rows) for name in seen[row.result.key])
    return [_chart(table, name, rows, seen, reference, pages) for name in names]


def grouped(table: Table, rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return rows under what was done to them: nothing, or a kind of remedy, in the order of the claims."""
    judged = judged_claims(table)
    lines = (*judged.families, *judged.remedies) if judged else ()
    titles = {line.row.result.key: line.group or QUANTIZERS for line in lines if line.row}
    groups: dict[str, list[Row]] = {title: [] for title in (QUANTIZERS, *titles.values())}
    order = {key: place for place, key in enumerate(titles)}
    for row in sorted(rows, key=lambda row: order.get(row.result.key, len(order))):
        groups[titles.get(row.result.key, QUANTIZERS)].append(row)
    return {title: members for title, members in groups.items() if members}


def _ordered(table: Table, rows: Sequence[Row]) -> list[Row]:
    return [row for members in grouped(table, rows).values() for row in members]


def _curves(row: Row) -> list[Curve]:
    assert row.result.trainings is not None
    return curves(row.result.trainings)


def _chart(
    table: Table,
    name: str,
    rows: Sequence[Row],
    seen: Mapping[str, Mapping[str, Curve]],
    reference: Row | None,
    pages: Mapping[str, System],
) -> Chart:
    having = [row for row in rows if name in seen[row.result.key]]
    shown = {row.result.key: seen[row.result.key][name] for row in having}
    first = next(iter(shown.values()))
    y = _axis(list(shown.values()))
    steps = max([1, *(curve.steps[-1] for curve in shown.values() if curve.steps)])
    against = shown.get(reference.result.key) if reference else None
    looks = chosen(len(first.steps))

    def panel(row: Row) -> Panel:
        curve, at = shown[row.result.key], pages[row.result.key]
        beside = against if against is not None and against is not curve else None
        return _panel(row, at, curve, beside, y, steps)

    return Chart(
        name=f"{name}-over-training",
        title=clean(first.words),
        y=y,
        steps=steps,
        y_ticks=tuple((FRAME.height - FRAME.bottom - y.at(value) * _tall(), text) for value, text in _few(y.ticks)),
        groups=tuple(
            (title, tuple(panel(row) for row in members)) for title, members in grouped(table, having).items()
        ),
        reference=clean(reference.label) if reference and against else "",
        looks=tuple(first.steps[look] for look in looks),
    )


def _panel(row: Row, at: System, curve: Curve, beside: Curve | None, y: Axis, steps: int) -> Panel:
    looks = chosen(len(curve.steps))
    texts = tuple(curve.text(look) for look in looks)
    said = "; ".join(f"{text} at step {curve.steps[look]}" for text, look in zip(texts, looks, strict=True))
    seeds = f", mean of {len(curve.rows)} trainings" if len(curve.rows) > 1 else ""
    return Panel(
        key=at.key,
        name=clean(row.label),
        href=at.href,
        curve=curve,
        end=f"{texts[-1].partition(' (')[0]} {curve.unit}".strip() if texts else "",
        words=f"{curve.words} of {clean(row.label)}{seeds}: {said}",
        seeds=tuple(line for values in curve.rows for line in _lines(curve.steps, values, y, steps)),
        mean=tuple(_lines(curve.steps, curve.means, y, steps)),
        reference=tuple(_lines(beside.steps, beside.means, y, steps)) if beside else (),
        texts=texts,
    )


def _lines(steps: Sequence[int], values: Values, y: Axis, last: int) -> list[str]:
    """The points of a line in pixels, broken where a value is missing; a single point is a short line."""
    left, _, right, bottom = FRAME.box
    parts: list[list[str]] = [[]]
    for step, value in zip(steps, values, strict=True):
        if value is None:
            parts.append([])
            continue
        across = left + step / last * (right - left)
        parts[-1].append(f"{across:.1f},{bottom - y.at(value) * _tall():.1f}")
    return [" ".join(points if len(points) > 1 else points * 2) for points in parts if points]


def _axis(shown: Sequence[Curve]) -> Axis:
    """The axis of a value: shares from 0 to 100%, others from their smallest to their largest value."""
    values = [value for curve in shown for row in curve.rows for value in row if value is not None] or [0.0]
    if shown[0].unit == SHARE:
        values = [0.0, 100.0]
    axis = spanned(shown[0].title, shown[0].unit, False, [Coordinate(value, value, value, "") for value in values])
    if shown[0].unit != SHARE:
        return axis
    return Axis(axis.title, axis.unit, 0.0, 100.0, False, False, tuple((x, f"{x:g}") for x in (0.0, 50.0, 100.0)))


def _few(ticks: Sequence[tuple[float, str]]) -> Sequence[tuple[float, str]]:
    """Every other tick, or fewer, where there are too many for a panel."""
    return ticks[:: -(-len(ticks) // MOST_TICKS)] if ticks else ()


def _tall() -> float:
    _, top, _, bottom = FRAME.box
    return bottom - top
