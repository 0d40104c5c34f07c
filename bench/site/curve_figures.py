"""Curves over training as PNG and SVG files, for papers and slides: all panels of a value in one figure."""

from __future__ import annotations

from typing import Any

from bench.site.curves import Chart, Panel
from bench.site.figures import ACCENT, DIM, DPI, FAINT, INK, written

COLUMNS = 4
WIDE, TALL = 160, 112
"""Width and height of a panel with its margins, in pixels."""
LEFT, TOP, BELOW = 34, 22, 18
HEAD = 38


def files(chart: Chart) -> dict[str, bytes]:
    """Return the chart's files by suffix: ``.png`` and ``.svg``."""
    return written(lambda: _figure(chart))


def _figure(chart: Chart) -> Any:
    from matplotlib.figure import Figure

    panels = chart.panels
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width, height = columns * WIDE + 14, rows * TALL + HEAD
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    logarithmic = ", logarithmic" if chart.y.logarithmic else ""
    figure.text(6 / width, 1 - 14 / height, f"{chart.title}{logarithmic}, over steps", va="center")
    dashed = f"; dashed: {chart.reference}" if chart.reference else ""
    key = f"thick: mean over seeds; thin: each seed{dashed}"
    figure.text(6 / width, 1 - 28 / height, key, va="center", fontsize=7, color=DIM)
    by_name = {panel.name: panel for panel in panels}
    for place, panel in enumerate(panels):
        down, across = divmod(place, columns)
        bottom = height - HEAD - (down + 1) * TALL + BELOW
        box = (across * WIDE + LEFT) / width, bottom / height, (WIDE - LEFT) / width, (TALL - TOP - BELOW) / height
        _draw(figure.add_axes(box), chart, panel, by_name.get(chart.reference))
    return figure


def _draw(axes: Any, chart: Chart, panel: Panel, reference: Panel | None) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_yscale("log" if chart.y.logarithmic else "linear")
    axes.set_ylim(chart.y.low, chart.y.high)
    axes.set_xlim(0, chart.steps)
    axes.set_xticks([0, chart.steps], ["0", str(chart.steps)], fontsize=7)
    axes.set_yticks([value for value, _ in chart.y.ticks], [text for _, text in chart.y.ticks], fontsize=7)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(panel.name, fontsize=7, color=INK, loc="left", pad=3)
    curve = panel.curve
    for values in curve.rows:
        axes.plot(curve.steps, _gaps(values), color=FAINT, linewidth=0.7)
    if reference and reference is not panel:
        axes.plot(reference.curve.steps, _gaps(reference.curve.means), color=DIM, linewidth=1, linestyle="--")
    axes.plot(curve.steps, _gaps(curve.means), color=ACCENT, linewidth=1.6)


def _gaps(values: Any) -> list[float]:
    """Values with NaN, which breaks a line, where there is none."""
    return [float("nan") if value is None else value for value in values]
