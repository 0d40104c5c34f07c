"""Definitions of a table's numbers: each metric's registry line, version and settings under the protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bench import registry
from bench.leaderboard.reasons import clean
from bench.leaderboard.table import Column, Table

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # a site of many systems has many environments


@dataclass(frozen=True)
class Definition:
    """One metric of the protocol, or the task where it computes numbers itself.

    Attributes:
        anchor: id of its place on the page.
        titles: titles of the columns that it computes.
        settings: as YAML, empty if there are none.
        fingerprint: fingerprint of the metric; empty for the task.
    """

    anchor: str
    name: str
    titles: tuple[str, ...]
    summary: str
    source: str
    license: str
    version: int
    settings: str
    fingerprint: str


def anchor(table: Table, column: Column) -> str:
    """Return the id of the place on the table's page that defines a column's values."""
    return f"def-{re.sub(r'[^A-Za-z0-9_-]', '-', '-'.join(filter(None, _given(table, column))))}"


def definitions(table: Table) -> list[Definition]:
    """Return the definitions of the table's columns in their order, one per way of measuring a metric."""
    columns: dict[tuple[str, str], list[Column]] = {}
    for column in table.columns:
        if not column.heading.detail:
            columns.setdefault(_given(table, column), []).append(column)
    return [_definition(table, defined) for defined in columns.values()]


def _given(table: Table, column: Column) -> tuple[str, str]:
    """The metric or task that computes a column, and its fingerprint where most rows measured it differently."""
    kind = column.kind
    if not kind.metric:
        return table.protocol.task, ""
    usual = table.protocol.metrics.get(kind.metric) == kind.measured
    return kind.metric, "" if usual else kind.fingerprint


def _definition(table: Table, columns: Sequence[Column]) -> Definition:
    kind = columns[0].kind
    name = kind.metric or table.protocol.task
    entry = registry.entries("metrics" if kind.metric else "tasks").get(name)
    return Definition(
        anchor=anchor(table, columns[0]),
        name=name,
        titles=tuple(clean(column.heading.title) for column in columns),
        summary=entry.summary if entry else "From a package that is not installed here",
        source=entry.source if entry else "",
        license=entry.license if entry else "",
        version=kind.measured.version if kind.measured else table.protocol.task_version,
        settings=as_yaml(kind.measured.settings) if kind.measured else "",
        fingerprint=kind.fingerprint,
    )


def as_yaml(tree: Any) -> str:
    """Return a part of a protocol as YAML; empty if there is nothing in it."""
    return yaml.dump(tree, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=90).strip() if tree else ""
