"""Drawings of plots for the page: positions in pixels, and words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.site.labels import Label, labels
from bench.site.layout import NARROW, WIDE, Frame
from bench.site.plots import Plot, Point

MOST_NAMED = 40
CROWDED = 200
"""Most points of a plot that is drawn in two shapes; with more, the page would be too heavy for a browser."""
MARKERS = {"discrete": "circle", "continuous": "square", "hybrid": "down", "bytes": "diamond", "unknown": "right"}


@dataclass(frozen=True)
class System:
    """How the page of a table refers to a row: by a short key, and the address of its system's page."""

    key: str
    href: str


@dataclass(frozen=True)
class Mark:
    """One point in pixels: its position, the ends of its error bars, its label, and its description in words."""

    key: str
    name: str
    href: str
    shape: str
    x: float
    y: float
    left: float
    right: float
    top: float
    bottom: float
    on_frontier: bool
    label: Label | None
    words: str


@dataclass(frozen=True)
class Sheet:
    """A plot in one shape.

    Attributes:
        kind: ``wide``, or ``narrow`` for phones, of which the page shows one; or ``whole``, which serves both.
    """

    kind: str
    frame: Frame
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    frontier: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Drawing:
    """One plot, drawn in each shape.

    Attributes:
        shapes: marker and kind of system, for the key.
        title: what the plot shows, without numbers.
        summary: which systems are on the frontier, and which are not shown.
    """

    plot: Plot
    sheets: tuple[Sheet, ...]
    shapes: tuple[tuple[str, str], ...]
    title: str
    summary: str


def draw(plot: Plot, pages: Mapping[str, System]) -> Drawing:
    """Draw a plot: place its parts in each shape.

    Args:
        pages: pages of the systems, by the key of the result.
    """
    best = [point.label for point in plot.points if point.on_frontier]
    shapes = [("wide", WIDE), ("narrow", NARROW)] if len(plot.points) <= CROWDED else [("whole", WIDE)]
    kinds = {point.row.result.system.tokens: point.row.kind for point in plot.points}
    missing = f" Not shown, because they have no value: {_some(plot.absent)}." if plot.absent else ""
    return Drawing(
        plot=plot,
        sheets=tuple(_sheet(plot, kind, frame, pages) for kind, frame in shapes),
        shapes=tuple((MARKERS.get(tokens, "triangle"), kind) for tokens, kind in kinds.items()),
        title=f"{plot.y.title} against {plot.x.title}",
        summary=f"On the frontier: {_some(best)}.{missing}",
    )


def _some(names: Sequence[str]) -> str:
    """The names joined by commas; only the first ones if there are many."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _sheet(plot: Plot, kind: str, frame: Frame, pages: Mapping[str, System]) -> Sheet:
    placed = labels(plot, frame)
    return Sheet(
        kind=kind,
        frame=frame,
        x_ticks=tuple((frame.position(plot, value, plot.y.low)[0], text) for value, text in plot.x.ticks),
        y_ticks=tuple((frame.position(plot, plot.x.low, value)[1], text) for value, text in plot.y.ticks),
        frontier=" ".join("{},{}".format(*frame.position(plot, x, y)) for x, y in plot.frontier),
        marks=tuple(_mark(plot, frame, point, label, pages) for point, label in zip(plot.points, placed, strict=True)),
    )


def _mark(plot: Plot, frame: Frame, point: Point, label: Label | None, pages: Mapping[str, System]) -> Mark:
    x, y = frame.position(plot, point.x.value, point.y.value)
    left, bottom = frame.position(plot, point.x.low, point.y.low)
    right, top = frame.position(plot, point.x.high, point.y.high)
    values = [f"{axis.title} {place.text}" for axis, place in ((plot.y, point.y), (plot.x, point.x))]
    return Mark(
        key=pages[point.row.result.key].key,
        name=point.label,
        href=pages[point.row.result.key].href,
        shape=MARKERS.get(point.row.result.system.tokens, "triangle"),
        x=x,
        y=y,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        on_frontier=point.on_frontier,
        label=label,
        words=f"{point.label}: {', '.join(values)}{'; on the frontier' if point.on_frontier else ''}",
    )
