"""Kept samples in the most telling order: the worst first, then the median, then the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from bench.leaderboard.digits import significant
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Column, Row, Table
from bench.site.sources import Sources
from bench.site.views import view_for

DIGITS = 4


@dataclass(frozen=True)
class Shown:
    """One kept sample of one system.

    Attributes:
        id: id of the sample.
        index: its position in the data set.
        view: the view of both files, as ``module:Attribute`` of a :class:`bench.modalities.view.View`.
        original, reconstruction: files on disk.
        score: the sample's value of the gallery's metric; None if it has none or it is not finite.
        value: the same as text with title and unit; empty if there is none.
        standing: its place among the kept samples and among all samples, in words.
    """

    id: str
    index: int
    view: str
    original: Path
    reconstruction: Path
    score: float | None
    value: str
    standing: str


@dataclass(frozen=True)
class Gallery:
    """The kept samples of a row, worst first.

    Attributes:
        metric: the metric that orders them; None if none has per-sample values.
        samples: the samples whose files exist.
        missing: number of samples that the result names whose files are not beside it.
    """

    metric: Column | None
    samples: tuple[Shown, ...]
    missing: int


def gallery(table: Table, row: Row, sources: Sources) -> Gallery:
    """Return the kept samples of one row, ordered by the first quality metric with per-sample values.

    The metric that orders the table comes first, if it has per-sample values.
    """
    columns = sources.samples(row)
    candidates = (column for column in _candidates(table) if column.metric in row.cells)
    metric = next(
        (
            column
            for column in candidates
            if column.kind.value in columns and row.cells[column.metric].result is row.result
        ),
        None,
    )
    values = dict(zip(columns["id"], columns[metric.kind.value], strict=True)) if metric else {}
    badness = {name: _badness(value, metric) for name, value in values.items()}
    kept = sources.kept(row)
    order = sorted(kept, key=lambda sample: (-badness.get(sample[0].id, -math.inf), sample[0].index))
    if badness and len(order) > 2:
        order = [order[0], order.pop(len(order) // 2), *order[1:]]
    shown = []
    for place, (record, original, reconstruction) in enumerate(order):
        value = values.get(record.id)
        finite = value is not None and math.isfinite(value)
        shown.append(
            Shown(
                id=clean(record.id),
                index=record.index,
                view=view_for(row.result.system.modality, original, reconstruction),
                original=original,
                reconstruction=reconstruction,
                score=value if finite else None,
                value=_text(value, metric) if finite and metric and value is not None else "",
                standing=_standing(record.id, place, len(order), badness),
            )
        )
    return Gallery(metric, tuple(shown), len(row.result.kept) - len(kept))


def _candidates(table: Table) -> list[Column]:
    columns = [c for c in table.columns if c.heading.section == "quality" and c.higher_is_better is not None]
    return sorted(columns, key=lambda column: column != table.order)


def _badness(value: float | None, metric: Column | None) -> float:
    """Sort key: higher is worse; a sample on which the metric is undefined is the worst."""
    if value is None or math.isnan(value) or metric is None:
        return math.inf
    return -value if metric.higher_is_better else value


def _text(value: float, metric: Column) -> str:
    shown = significant(value * metric.scale, DIGITS)
    return f"{clean(metric.heading.title)} {shown} {clean(metric.unit)}".strip()


def _standing(name: str, place: int, kept: int, badness: dict[str, float]) -> str:
    """The sample's place among both sets, since the kept samples were chosen before anything was measured."""
    if name not in badness:
        return ""
    worse = sum(value > badness[name] for value in badness.values())
    among = f"{_ordinal(worse + 1)} of all {len(badness)} samples, counted from the worst"
    standing = {0: "worst of the kept samples", 1: "median of the kept samples"}.get(place if kept > 2 else -1, "")
    return f"{standing}; {among}" if standing else among


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"
