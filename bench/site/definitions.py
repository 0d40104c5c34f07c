"""What the numbers of a table are: each metric's registry line, version and settings under the protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bench import registry
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Table
from bench.values import whole

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # a site of many systems has many environments


@dataclass(frozen=True)
class Definition:
    """One metric of the protocol, or the task where it gives numbers of its own.

    Attributes:
        anchor: its place on the page.
        titles: of the columns that it gives.
        settings: as YAML, empty if there are none.
    """

    anchor: str
    name: str
    titles: tuple[str, ...]
    summary: str
    source: str
    licence: str
    version: int
    settings: str


def anchor(table: Table, metric: str) -> str:
    """The place on the table's page that says what a value is."""
    return f"def-{re.sub(r'[^A-Za-z0-9_-]', '-', measure(table, metric))}"


def definitions(table: Table) -> list[Definition]:
    """The metrics whose values the table has, in the order of its columns."""
    titles: dict[str, list[str]] = {}
    for column in table.columns:
        if not column.heading.detail:
            titles.setdefault(measure(table, column.metric), []).append(clean(column.heading.title))
    return [_definition(table, name, own) for name, own in titles.items()]


def measure(table: Table, metric: str) -> str:
    """The metric of the protocol, or its task, that gives a value."""
    known = table.protocol.metrics
    base = whole(metric)
    return next((name for name in (metric, base, *registry.givers(base)) if name in known), table.protocol.task)


def _definition(table: Table, name: str, titles: Sequence[str]) -> Definition:
    metric = name in table.protocol.metrics
    entry = registry.entries("metrics" if metric else "tasks").get(name)
    chosen = table.protocol.setting("metrics", name) if metric else None
    return Definition(
        anchor=anchor(table, name),
        name=name,
        titles=tuple(titles),
        summary=entry.summary if entry else "Of a package that is not installed here",
        source=entry.source if entry else "",
        licence=entry.licence if entry else "",
        version=table.protocol.metrics.get(name, table.protocol.task_version),
        settings=as_yaml(chosen),
    )


def as_yaml(tree: Any) -> str:
    """A part of a protocol as people read it; empty if there is nothing in it."""
    return yaml.dump(tree, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=90).strip() if tree else ""
