"""Plots of sweeps: the best rate of each dtype against its quality, on one device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.contracts.sweep import SweepRow
from bench.leaderboard.digits import significant
from bench.leaderboard.table import Column, Row, Table
from bench.lines.throughput import PARTS, PSNR
from bench.site.plots import Coordinate, Family, Plot, Point, axis_of, steps_of, unbeaten_of

DIGITS = 4


def sweep_families(table: Table) -> list[Family]:
    """Return a family per part, encode and decode, with a point per system, dtype and whether it was compiled.

    A table in which no system was measured at several of these has none: its plots of rates say the same. A setting
    whose results are broken has no quality, and so no point; it is named below the plot.
    """
    by_name = {column.metric: column for column in table.columns}
    quality = by_name.get(PSNR.name)
    families = []
    for part, lines in PARTS.items():
        speed = by_name.get(lines["rate"].name)
        points = [(row, of_row) for row in table.rows for of_row in _settings(row, part)]
        if speed and quality and len(points) > len({row.result.key for row, _ in points}):
            plot = _plot(speed, _renamed(quality, "PSNR"), points, part)
            families += [Family(f"Quality and {part} rate of every dtype", (plot,))] if plot else []
    return families


def _settings(row: Row, part: str) -> Iterator[SweepRow]:
    """The row of the best rate of each dtype, compiled or not, at the first size of a sweep."""
    rows = row.result.sweep.rows if row.result.sweep and not row.failed else []
    best: dict[tuple[str, bool], SweepRow] = {}
    for one in rows:
        if one.part == part and one.size == rows[0].size and one.samples_per_second is not None:
            setting = one.dtype, one.compiled
            if setting not in best or one.samples_per_second > (best[setting].samples_per_second or 0):
                best[setting] = one
    yield from best.values()


def _plot(x: Column, y: Column, rows: Sequence[tuple[Row, SweepRow]], part: str) -> Plot | None:
    shown = [(row, one) for row, one in rows if one.psnr is not None]
    if len(shown) < 2:
        return None
    places = [(_rate(x, one), _quality(y, one)) for _, one in shown]
    best = unbeaten_of([(a.value, b.value) for a, b in places])
    points = tuple(
        Point(row, a, b, place in best, _setting(one))
        for place, ((row, one), (a, b)) in enumerate(zip(shown, places, strict=True))
    )
    return Plot(
        name=f"sweep-{part}",
        x=axis_of(_renamed(x, part.capitalize()), [a for a, _ in places]),
        y=axis_of(y, [b for _, b in places]),
        points=points,
        frontier=steps_of([point for point in points if point.on_frontier], True),
        absent=tuple(f"{row.label} {_setting(one)}" for row, one in rows if one.psnr is None),
    )


def _setting(row: SweepRow) -> str:
    return f"{row.dtype}{', compiled' * row.compiled}"


def _rate(column: Column, row: SweepRow) -> Coordinate:
    assert row.samples_per_second is not None
    value = row.samples_per_second
    low, high = (value if end is None else end for end in (row.low, row.high))
    return Coordinate(value, low, high, f"{significant(value, DIGITS)} {column.unit}")


def _quality(column: Column, row: SweepRow) -> Coordinate:
    assert row.psnr is not None
    return Coordinate(row.psnr, row.psnr, row.psnr, f"{significant(row.psnr, DIGITS)} {column.unit}")


def _renamed(column: Column, title: str) -> Column:
    return replace(column, heading=replace(column.heading, title=title))
