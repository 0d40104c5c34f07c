"""Where the labels of a plot stand: beside their points, over no point and no other label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from bench.publishing.plots import Plot

WIDTH, HEIGHT = 640.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 14.0, 30.0, 48.0
"""Pixels around the axes; a pixel is a point in the files for papers."""
CHARACTER, LINE, MARK = 6.1, 13.0, 5.0
"""Pixels: width of a character and height of a line of a label, and half a marker."""
LONGEST = 26

Anchor = Literal["start", "middle", "end"]
_SIDES: tuple[tuple[float, float, Anchor], ...] = (
    (0.75, -0.8, "start"),
    (0.75, 0.8, "start"),
    (-0.75, -0.8, "end"),
    (-0.75, 0.8, "end"),
    (1.0, 0.0, "start"),
    (-1.0, 0.0, "end"),
    (0.0, -1.0, "middle"),
    (0.0, 1.0, "middle"),
)
_NEAR, _FAR = (9.0, 13.0, 20.0), (30.0, 44.0, 60.0)
"""Pixels between a point and its label; from afar a line has to lead there."""


@dataclass(frozen=True)
class Label:
    """The text of a point: its anchor in pixels, and whether a line has to lead there."""

    text: str
    x: float
    y: float
    anchor: Anchor
    led: bool


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def position(plot: Plot, x: float, y: float) -> tuple[float, float]:
    """Pixels from the left and from the top."""
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return round(LEFT + plot.x.at(x) * across, 2), round(TOP + (1 - plot.y.at(y)) * down, 2)


def labels(plot: Plot) -> list[Label | None]:
    """A label for each point, those of the frontier first to choose; None where there is no room for it."""
    places = [position(plot, point.x.value, point.y.value) for point in plot.points]
    taken = [_Box(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in places]
    lines = _lines(plot)
    found: list[Label | None] = [None] * len(places)
    for i in sorted(range(len(places)), key=lambda i: not plot.points[i].on_frontier):
        text = plot.points[i].label
        text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
        label = _place(text, places[i], [*taken, *lines], _NEAR) or _place(text, places[i], taken)
        if label:
            taken.append(_box(label))
            found[i] = label
    return found


def _lines(plot: Plot) -> list[_Box]:
    """The frontier and the error bars, over which labels are better not."""
    ends = [(position(plot, *one), position(plot, *other)) for one, other in pairwise(plot.frontier)]
    for point in plot.points:
        x, y = point.x, point.y
        ends.append((position(plot, x.low, y.value), position(plot, x.high, y.value)))
        ends.append((position(plot, x.value, y.low), position(plot, x.value, y.high)))
    return [_Box(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in ends]


def _place(
    text: str, place: tuple[float, float], taken: Sequence[_Box], distances: Sequence[float] = _NEAR + _FAR
) -> Label | None:
    x, y = place
    for distance in distances:
        for across, down, anchor in _SIDES:
            label = Label(text, x + across * distance, y + down * distance, anchor, distance > _NEAR[1])
            box = _box(label)
            inside = box.left >= LEFT and box.right <= WIDTH and box.top >= TOP - LINE and box.bottom <= HEIGHT - BOTTOM
            if inside and not any(box.meets(other) for other in taken):
                return label
    return None


def _box(label: Label) -> _Box:
    width = len(label.text) * CHARACTER
    left = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return _Box(left, label.y - LINE / 2, left + width, label.y + LINE / 2)
