"""A plot as PNG and SVG files, for papers and slides; the same bytes from the same plot."""

from __future__ import annotations

import io
import warnings
from typing import Any

from bench.publishing.layout import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, labels, position
from bench.publishing.plots import Coordinate, Plot

ACCENT, INK, DIM, FAINT = "#0b6770", "#1d2326", "#5c666b", "#b4bcbf"
MARKERS = {"discrete": "o", "continuous": "s", "bytes": "D"}
SIGNS = {"discrete": "○", "continuous": "□", "bytes": "◇"}
DPI = 72
SCALE = 3
"""Pixels of the PNG for each of the plot's."""


def files(plot: Plot) -> dict[str, bytes]:
    """The plot by suffix: ``.png`` and ``.svg``."""
    from matplotlib import rc_context

    style = {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "svg.fonttype": "path",
        "svg.hashsalt": "bench",
        "axes.edgecolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.parse_math": False,
        "axes.unicode_minus": True,
    }
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that no font here has
        figure = _figure(plot)
        found = {}
        for suffix, options in ((".png", {"dpi": DPI * SCALE}), (".svg", {"metadata": {"Date": None}})):
            sink = io.BytesIO()
            figure.savefig(sink, format=suffix[1:], **options)
            found[suffix] = sink.getvalue()
    return found


def _figure(plot: Plot) -> Any:
    from matplotlib import patheffects
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
    box = (LEFT / WIDTH, BOTTOM / HEIGHT, (WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - TOP - BOTTOM) / HEIGHT)
    axes = figure.add_axes(box)
    for name, axis in (("x", plot.x), ("y", plot.y)):
        getattr(axes, f"set_{name}scale")("log" if axis.logarithmic else "linear")
        getattr(axes, f"set_{name}lim")(axis.low, axis.high)
        getattr(axes, f"set_{name}ticks")([value for value, _ in axis.ticks], [text for _, text in axis.ticks])
        getattr(axes, f"{name}axis").set_minor_locator(NullLocator())
    axes.set_xlabel(plot.x.words, loc="right")
    figure.text(6 / WIDTH, 1 - 14 / HEIGHT, plot.y.words, va="center")
    kinds = {point.row.result.system.tokens: point.row.kind for point in plot.points}
    key = "   ".join(f"{SIGNS.get(tokens, '△')} {kind.lower()}" for tokens, kind in kinds.items())
    figure.text(1 - RIGHT / WIDTH, 1 - 14 / HEIGHT, key, va="center", ha="right", fontsize=8, color=DIM)
    axes.plot(*zip(*plot.frontier, strict=True), color=ACCENT, linewidth=1.2, zorder=1)
    for point, label in zip(plot.points, labels(plot), strict=True):
        axes.errorbar(
            point.x.value,
            point.y.value,
            xerr=_bar(point.x),
            yerr=_bar(point.y),
            fmt=MARKERS.get(point.row.result.system.tokens, "^"),
            markersize=6,
            markeredgewidth=1.2,
            color=ACCENT if point.on_frontier else INK,
            markerfacecolor=ACCENT if point.on_frontier else "white",
            ecolor=FAINT,
            elinewidth=1,
            zorder=2,
        )
        if label:
            x, y = position(plot, point.x.value, point.y.value)
            axes.annotate(
                label.text,
                (point.x.value, point.y.value),
                xytext=(label.x - x, y - label.y),
                textcoords="offset points",
                ha={"start": "left", "middle": "center", "end": "right"}[label.anchor],
                va="center",
                fontsize=8,
                color=INK,
                path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
                arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.8} if label.led else None,
            )
    return figure


def _bar(coordinate: Coordinate) -> list[list[float]]:
    """How far the bar reaches down and up; an interval need not be around its value."""
    value = coordinate.value
    return [[max(0.0, value - coordinate.low)], [max(0.0, coordinate.high - value)]]
