"""Plots as PNG and SVG files, for papers and slides; the same plot gives the same bytes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from bench.site.labels import labels
from bench.site.layout import PAPER
from bench.site.plots import Coordinate, Plot, Point

ACCENT, INK, DIM, FAINT = "#0b6770", "#1d2326", "#5c666b", "#838d91"
MARKERS = {"discrete": "o", "continuous": "s", "hybrid": "v", "bytes": "D", "unknown": ">"}
SIGNS = {"discrete": "○", "continuous": "□", "hybrid": "▽", "bytes": "◇", "unknown": "▷"}
LEADER = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 4}
DPI = 72
SCALE = 3
"""Pixels of the PNG per pixel of the plot."""
COLORS = 32


def files(plot: Plot) -> dict[str, bytes]:
    """Return the plot's files by suffix: ``.png`` and ``.svg``."""
    return written(lambda: _figure(plot))


def written(make: Callable[[], Any]) -> dict[str, bytes]:
    """Return the files of a figure by suffix: ``.png`` and ``.svg``.

    Args:
        make: makes the figure, in the style of all figures.
    """
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
        figure = make()
        data = {}
        for suffix, options in (
            (".png", {"dpi": DPI * SCALE, "pil_kwargs": {"compress_level": 0}}),
            (".svg", {"metadata": {"Date": None}}),
        ):
            sink = io.BytesIO()
            figure.savefig(sink, format=suffix[1:], **options)
            data[suffix] = sink.getvalue()
    return data | {".png": _smaller(data[".png"])}


def _smaller(png: bytes) -> bytes:
    """The picture with as few colors as a drawing in three colors and their blended edges needs."""
    from PIL import Image

    sink = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGB").quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(sink, "PNG", compress_level=6, dpi=(DPI * SCALE, DPI * SCALE))
    return sink.getvalue()


def _figure(plot: Plot) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    width, height = PAPER.width, PAPER.height
    left, top, right, bottom = PAPER.box
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    axes = figure.add_axes((left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height))
    for name, axis in (("x", plot.x), ("y", plot.y)):
        getattr(axes, f"set_{name}scale")("log" if axis.logarithmic else "linear")
        getattr(axes, f"set_{name}lim")(axis.low, axis.high)
        getattr(axes, f"set_{name}ticks")([value for value, _ in axis.ticks], [text for _, text in axis.ticks])
        getattr(axes, f"{name}axis").set_minor_locator(NullLocator())
    axes.set_xlabel(plot.x.words, loc="right")
    figure.text(6 / width, 1 - 14 / height, plot.y.words, va="center")
    kinds = {point.row.result.system.tokens: point.row.kind for point in plot.points}
    key = "   ".join(f"{SIGNS.get(tokens, '△')} {kind.lower()}" for tokens, kind in kinds.items())
    figure.text(right / width, 1 - 14 / height, key, va="center", ha="right", fontsize=8, color=DIM)
    axes.plot(*zip(*plot.frontier, strict=True), color=ACCENT, linewidth=1.2, zorder=1)
    for (marker, best), points in _alike(plot).items():
        axes.errorbar(
            [point.x.value for point in points],
            [point.y.value for point in points],
            xerr=_bars([point.x for point in points]),
            yerr=_bars([point.y for point in points]),
            fmt=marker,
            linestyle="none",
            markersize=6,
            markeredgewidth=1.2,
            color=ACCENT if best else INK,
            markerfacecolor=ACCENT if best else "white",
            ecolor=FAINT,
            elinewidth=0.8,
            zorder=3 if best else 2,
        )
    for point, label in zip(plot.points, labels(plot, PAPER), strict=True):
        if label:
            x, y = PAPER.position(plot, point.x.value, point.y.value)
            axes.annotate(
                label.text,
                (point.x.value, point.y.value),
                xytext=(label.x - x, y - label.y),
                textcoords="offset points",
                ha={"start": "left", "middle": "center", "end": "right"}[label.anchor],
                va="center",
                fontsize=PAPER.text,
                fontweight="bold" if point.on_frontier else "normal",
                color=INK,
                bbox={"facecolor": "white", "alpha": 0.8, "pad": 0.5, "linewidth": 0},
                arrowprops=LEADER if label.led else None,
            )
    return figure


def _alike(plot: Plot) -> dict[tuple[str, bool], list[Point]]:
    """The points by their appearance: the marker, and whether they are on the frontier."""
    alike: dict[tuple[str, bool], list[Point]] = {}
    for point in plot.points:
        marker = MARKERS.get(point.row.result.system.tokens, "^")
        alike.setdefault((marker, point.on_frontier), []).append(point)
    return alike


def _bars(coordinates: Sequence[Coordinate]) -> list[list[float]]:
    """The lengths of the bars down and up, never negative: an interval need not contain its value."""
    return [
        [max(0.0, at.value - at.low) for at in coordinates],
        [max(0.0, at.high - at.value) for at in coordinates],
    ]
