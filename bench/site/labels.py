"""Placement of a plot's labels: near their points, over no point or other label, with a line to those far away.

Every label is put where it costs least among positions on circles around its point: being far away, on the frontier or
on an error bar costs; being on a mark or another label is not allowed. Then each is placed again, several times, among
the others as they stand by then. This is greedy and deterministic: the same plot always gives the same labels.

Among many points only those are labeled that the fewest others beat in both values, the frontier's first; a page shows
the names of the others where a pointer rests on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from bench.site.layout import Frame, text_width
from bench.site.plots import Plot

MARK = 6.0
"""Half the side of the square that a marker takes, in pixels."""
LONGEST = 26
MOST = 32
"""Most labels of a plot; with more points, the best have one."""
ROUNDS = 4
DISTANCES = (9.0, 12.0, 17.0, 24.0, 33.0, 45.0, 60.0, 80.0, 105.0, 135.0)
UNLED = 12.0
"""Pixels up to which a label needs no line to its point."""
DIRECTIONS = 16
CROWD = 45.0
"""Distance in pixels within which points compete for room."""
ON_FRONTIER, ON_BAR, CROSSING, LEADER_ON_MARK, LEADER_ON_LABEL = 16.0, 5.0, 40.0, 60.0, 80.0
"""Costs of placements, in pixels of distance."""

Anchor = Literal["start", "middle", "end"]
Array = np.ndarray


@dataclass(frozen=True)
class Label:
    """The label of a point.

    Attributes:
        text: what it says.
        x, y: its anchor in pixels from the left and the top.
        anchor: which part of the text the anchor holds.
        led: whether a line connects it to its point.
        box: left, top, right and bottom of the text in pixels.
    """

    text: str
    x: float
    y: float
    anchor: Anchor
    led: bool
    box: tuple[float, float, float, float]


@dataclass
class _Candidates:
    """All possible places of one label: anchors ``[n, 2]``, boxes ``[n, 4]``, costs ``[n]``."""

    text: str
    anchors: Array
    sides: list[Anchor]
    boxes: Array
    costs: Array
    led: Array


def labels(plot: Plot, frame: Frame) -> list[Label | None]:
    """Return a label per point, placed with those of the frontier first; None where there is no room."""
    points = np.array([frame.position(plot, p.x.value, p.y.value) for p in plot.points])
    marks = np.hstack([points - MARK, points + MARK])
    frontier, bars = _lines(plot, frame)
    labeled = _labeled(plot)
    candidates = {i: _candidates(plot, frame, i, points[i], marks, frontier, bars) for i in labeled}
    near = points[labeled]
    crowd = {i: int((np.abs(near - points[i]).max(1) < CROWD).sum()) for i in labeled}
    order = sorted(labeled, key=lambda i: (not plot.points[i].on_frontier, -crowd[i], i))
    chosen: dict[int, int] = {}
    for _ in range(ROUNDS):
        before = dict(chosen)
        for i in order:
            chosen.pop(i, None)
            best = _best(i, candidates, points, chosen)
            if best is not None:
                chosen[i] = best
        if chosen == before:
            break
    return [_label(candidates[i], chosen[i]) if i in chosen else None for i in range(len(points))]


def _labeled(plot: Plot) -> list[int]:
    """Indices of the points that get a label: all, or those that the fewest others beat in both values."""
    if len(plot.points) <= MOST:
        return list(range(len(plot.points)))
    x, y = (
        np.array(values) * (1 if axis.higher_is_better else -1)
        for axis, values in (
            (plot.x, [point.x.value for point in plot.points]),
            (plot.y, [point.y.value for point in plot.points]),
        )
    )
    beaten = ((x[:, None] < x) & (y[:, None] < y)).sum(1)
    order = sorted(range(len(x)), key=lambda i: (not plot.points[i].on_frontier, beaten[i], i))
    return sorted(order[:MOST])


def _label(places: _Candidates, at: int) -> Label:
    (x, y), box = places.anchors[at], places.boxes[at]
    left, top, right, bottom = (round(float(edge), 2) for edge in box)
    return Label(
        text=places.text,
        x=round(float(x), 2),
        y=round(float(y), 2),
        anchor=places.sides[at],
        led=bool(places.led[at]),
        box=(left, top, right, bottom),
    )


def _candidates(
    plot: Plot, frame: Frame, index: int, point: Array, marks: Array, frontier: Array, bars: Array
) -> _Candidates:
    """The places of one label that are inside the frame and on no mark, with the cost of each by itself."""
    full = plot.points[index].label
    text = full if len(full) <= LONGEST else f"{full[: LONGEST - 1]}…"
    width = text_width(text, frame.text, plot.points[index].on_frontier)
    height = 1.2 * frame.text
    # From the upper right clockwise, which is where equally good labels go first.
    angles = (np.arange(DIRECTIONS) - DIRECTIONS / 8) * 2 * np.pi / DIRECTIONS
    distances = np.repeat(DISTANCES, DIRECTIONS)
    across, down = (np.tile(f(angles), len(DISTANCES)) for f in (np.cos, np.sin))
    anchors = point + np.stack([across * distances, down * distances], 1)
    sides: list[Anchor] = ["start" if c > 0.38 else "end" if c < -0.38 else "middle" for c in across]
    lefts = anchors[:, 0] - np.array([{"start": 0.0, "middle": width / 2, "end": width}[side] for side in sides])
    tops = anchors[:, 1] - height / 2
    boxes = np.stack([lefts, tops, lefts + width, tops + height], 1)
    edge = frame.box
    inside = (lefts >= edge[0]) & (boxes[:, 2] <= frame.width) & (tops >= edge[1] - height) & (boxes[:, 3] <= edge[3])
    # Slower checks run only for the places that are left.
    possible = np.flatnonzero(inside)
    possible = possible[~_overlaps(boxes[possible], marks).any(1)]
    anchors, boxes, distances = anchors[possible], boxes[possible], distances[possible]
    led = distances > UNLED
    costs = distances + ON_FRONTIER * _overlaps(boxes, frontier).any(1) + ON_BAR * _overlaps(boxes, bars).sum(1)
    others = np.delete(marks, index, 0)
    costs[led] += LEADER_ON_MARK * _passed(point[None], anchors[led], others).any(1)
    return _Candidates(text, anchors, [sides[i] for i in possible], boxes, costs, led)


def _best(index: int, candidates: Mapping[int, _Candidates], points: Array, chosen: Mapping[int, int]) -> int | None:
    """The cheapest place of a label among the labels already placed; None if there is no room."""
    places = candidates[index]
    if not len(places.costs):
        return None
    costs = places.costs.copy()
    if chosen:
        standing = np.array([candidates[i].boxes[at] for i, at in chosen.items()])
        costs[_overlaps(places.boxes, standing).any(1)] = np.inf
        costs += LEADER_ON_LABEL * places.led * _passed(points[index][None], places.anchors, standing).any(1)
    if leaders := [(points[i], candidates[i].anchors[at]) for i, at in chosen.items() if candidates[i].led[at]]:
        starts, ends = (np.array(ends) for ends in zip(*leaders, strict=True))
        costs += LEADER_ON_LABEL * _passed(starts, ends, places.boxes).sum(0)
        costs += CROSSING * places.led * _crosses(points[index], places.anchors, starts, ends).sum(1)
    best = int(costs.argmin())
    return best if np.isfinite(costs[best]) else None


def _overlaps(boxes: Array, others: Array) -> Array:
    """Which of ``[n, 4]`` boxes meet which of ``[m, 4]``: ``[n, m]``."""
    left, top, right, bottom = boxes.T[..., None]
    other_left, other_top, other_right, other_bottom = others.T
    meet: Array = (left < other_right) & (other_left < right) & (top < other_bottom) & (other_top < bottom)
    return meet


def _passed(starts: Array, ends: Array, boxes: Array) -> Array:
    """Which lines from ``[n, 2]`` points, or one, to ``[n, 2]`` ends pass over which ``[m, 4]`` boxes: ``[n, m]``."""
    way = ends - starts
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    enters, leaves = np.array(-np.inf), np.array(np.inf)
    # Where each line enters and leaves the slab between two sides of a box, as fractions of the way.
    for along in (0, 1):
        start, length = starts[:, along, None], way[:, along, None]
        near, far = (boxes[:, along] - start) / length, (boxes[:, along + 2] - start) / length
        enters, leaves = np.maximum(enters, np.minimum(near, far)), np.minimum(leaves, np.maximum(near, far))
    passes: Array = (enters < leaves) & (leaves > 0) & (enters < 0.98)
    return passes


def _crosses(start: Array, ends: Array, starts: Array, other_ends: Array) -> Array:
    """Which lines from a point to ``[n, 2]`` ends cross which others, from ``[m, 2]`` to ``[m, 2]``: ``[n, m]``."""

    def turn(a: Array, b: Array, c: Array) -> Array:
        cross: Array = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
            c[..., 0] - a[..., 0]
        )
        return cross

    end = ends[:, None]
    apart = turn(start, end, starts[None]) * turn(start, end, other_ends[None]) < 0
    met: Array = apart & (turn(starts, other_ends, start)[None] * turn(starts[None], other_ends[None], end) < 0)
    return met


def _lines(plot: Plot, frame: Frame) -> tuple[Array, Array]:
    """Boxes around the pieces of the frontier and around the error bars, which labels should avoid."""
    frontier = [(frame.position(plot, *start), frame.position(plot, *end)) for start, end in pairwise(plot.frontier)]
    bars = []
    for point in plot.points:
        x, y = point.x, point.y
        bars.append((frame.position(plot, x.low, y.value), frame.position(plot, x.high, y.value)))
        bars.append((frame.position(plot, x.value, y.low), frame.position(plot, x.value, y.high)))
    return _around(frontier), _around(bars)


def _around(lines: list[tuple[tuple[float, float], tuple[float, float]]]) -> Array:
    if not lines:
        return np.empty((0, 4))
    ends = np.array(lines)
    return np.hstack([ends.min(1) - 1, ends.max(1) + 1])
