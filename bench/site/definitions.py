"""What the numbers of a table are: each metric's registry line, version and settings under the protocol."""

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
OUTPUTS: dict[str, tuple[str, ...]] = {
    "codebook": ("codebook_utilization", "codebook_perplexity", "codebook_entropy"),
    "density_coverage": ("density", "coverage"),
    "density_coverage_efficientnet_lite0": ("density_efficientnet_lite0", "coverage_efficientnet_lite0"),
    "dnsmos": ("dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808"),
    "generation_fd_efficientnet_lite0": ("gfd_efficientnet_lite0",),
    "generation_inception_score": ("inception_score", "inception_score_file_order"),
    "generation_kd_efficientnet_lite0": ("kd_efficientnet_lite0",),
    "generation_kid": ("kid",),
    "precision_recall": ("precision", "recall"),
    "real_time_factor": ("encode_rtf", "decode_rtf", "encode_rtf_clip_mean", "decode_rtf_clip_mean"),
    "sliced_wasserstein": ("swd",),
    "stoi": ("stoi", "estoi"),
    "throughput": ("encode_images_per_second", "decode_images_per_second"),
    "word_errors": ("wer", "cer", "dwer", "wer_original", "cer_original"),
}
"""Values of metrics that are not called as their metric is; here, because asking the classes would import torch."""


@dataclass(frozen=True)
class Definition:
    """One metric of the protocol, or the task where it gives numbers of its own.

    Attributes:
        anchor: its place on the page.
        titles: of the columns that it gives.
        settings: as YAML, empty if there are none.
        fingerprint: of the metric; empty of the task.
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
    """The place on the table's page that says what a column's values are."""
    return f"def-{re.sub(r'[^A-Za-z0-9_-]', '-', '-'.join(filter(None, _given(table, column))))}"


def definitions(table: Table) -> list[Definition]:
    """The metrics whose values the table has, each way of measuring one by itself, in the order of its columns."""
    columns: dict[tuple[str, str], list[Column]] = {}
    for column in table.columns:
        if not column.heading.detail:
            columns.setdefault(_given(table, column), []).append(column)
    return [_definition(table, own) for own in columns.values()]


def _given(table: Table, column: Column) -> tuple[str, str]:
    """The metric, or the task, that gives a column, and its fingerprint where most rows measured it otherwise."""
    kind = column.kind
    if not kind.metric:
        return table.protocol.task, ""
    usual = table.protocol.metrics.get(kind.metric) == kind.measured
    return kind.metric, "" if usual else kind.fingerprint


def givers(value: str) -> list[str]:
    """The metrics of the registry that give a value, other than one called like it."""
    return [name for name, outputs in OUTPUTS.items() if value in outputs]


def _definition(table: Table, columns: Sequence[Column]) -> Definition:
    kind = columns[0].kind
    name = kind.metric or table.protocol.task
    entry = registry.entries("metrics" if kind.metric else "tasks").get(name)
    return Definition(
        anchor=anchor(table, columns[0]),
        name=name,
        titles=tuple(clean(column.heading.title) for column in columns),
        summary=entry.summary if entry else "Of a package that is not installed here",
        source=entry.source if entry else "",
        license=entry.license if entry else "",
        version=kind.measured.version if kind.measured else table.protocol.task_version,
        settings=as_yaml(kind.measured.settings) if kind.measured else "",
        fingerprint=kind.fingerprint,
    )


def as_yaml(tree: Any) -> str:
    """A part of a protocol as people read it; empty if there is nothing in it."""
    return yaml.dump(tree, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=90).strip() if tree else ""
