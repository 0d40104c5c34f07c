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
    base = re.sub(r"_(level_\d+|joint)$", "", metric)
    return next((name for name in (metric, base, *givers(base)) if name in known), table.protocol.task)


def givers(value: str) -> list[str]:
    """The metrics of the registry that give a value, other than one called like it."""
    return [name for name, outputs in OUTPUTS.items() if value in outputs]


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
