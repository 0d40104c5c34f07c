"""The record of a result for MLflow: tags, params, metrics and artifacts, within MLflow's limits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.contracts.results import Result
from bench.contracts.stats import Estimate
from bench.errors import BenchError
from bench.machine.canonical import canonical_json, digest

RUN_TAG = "bench.run"
RESULT_TAG = "bench.result"
FILE_TAG = "bench.file"
SUPERSEDED_TAG = "bench.superseded_by"
PARENT_TAG = "mlflow.parentRunId"
SOURCE_TAGS = {"mlflow.source.name": "bench run", "mlflow.source.type": "LOCAL"}
UNKNOWN = "unknown"

# https://mlflow.org/docs/latest/ml/tracking: longest key, param value and tag value that the SQL stores take.
MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_\-. :]")


class Unexportable(BenchError):
    """A result cannot be stored in MLflow, although the store itself works."""


@dataclass(frozen=True)
class Record:
    """A result as MLflow holds it.

    Attributes:
        content: sha256 of the result file, which identifies the result.
        name: name of the child run.
        status: MLflow's ``FINISHED`` or ``FAILED``.
        start: milliseconds since 1970, like ``end``; ``end`` is also the time of every metric.
        artifacts: files, each stored under its own name.
    """

    content: str
    name: str
    status: str
    start: int
    end: int
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    artifacts: tuple[Path, ...]


def record_of(file: Path, result: Result, content: str) -> Record:
    """The record of a result; ``content`` is the sha256 of its file.

    Raises:
        Unexportable: the per-sample values are gone, or a time is not ISO 8601.
    """
    artifacts = (file, *([file.parent / result.samples] if result.samples else []))
    for artifact in artifacts:
        if not artifact.is_file():
            raise Unexportable(f"{file}: its {artifact.name} is missing; measure the cell again")
    try:
        start, end = milliseconds(result.started), milliseconds(result.finished)
    except ValueError as error:
        raise Unexportable(f"{file}: not a time: {error}") from error
    metrics: dict[str, float] = {}
    tags = _provenance(result) | {RESULT_TAG: content, FILE_TAG: file.name}
    for name, estimate in result.metrics.items():
        if estimate.value is None:
            tags[_key(f"unavailable.{name}")] = _cut(estimate.unavailable or "no value and no reason recorded", MAX_TAG)
            if estimate.remedy:
                tags[_key(f"remedy.{name}")] = _cut(estimate.remedy, MAX_TAG)
        for part, value in _numbers(name, estimate):
            if math.isfinite(value):
                metrics[_key(part)] = value
            else:
                tags[_key(f"nonfinite.{part}")] = str(value)
    if result.cost is not None:
        metrics["wall_seconds"] = result.cost.wall_seconds
    protocol = result.protocol.model_dump(mode="json")
    params = {"system.name": result.system.name, "system.target": result.system.target}
    params |= dict(_leaves(result.system.arguments, "system.arguments."))
    params |= dict(_leaves(result.system.weights, "system.weights."))
    params |= dict(_leaves(protocol, "protocol."))
    return Record(
        content=content,
        name=f"{result.system.name} × {result.protocol.task}",
        status="FINISHED" if result.status == "ok" else "FAILED",
        start=start,
        end=end,
        tags=tags,
        params={_key(key): _cut(value, MAX_PARAM) for key, value in params.items()},
        metrics=metrics,
        artifacts=artifacts,
    )


def milliseconds(time: str) -> int:
    """An ISO 8601 time, UTC where it names no zone, in milliseconds since 1970."""
    moment = datetime.fromisoformat(time)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _provenance(result: Result) -> dict[str, str]:
    git = result.environment.get("git")
    git = git if isinstance(git, Mapping) else {}
    sha, dirty = git.get("sha"), git.get("dirty")
    tags = {
        "bench.suite": result.suite,
        "bench.key": result.key,
        "bench.schema_version": str(result.schema_version),
        "bench.status": result.status,
        "bench.system": result.system.name,
        "bench.entry": result.system.entry,
        "bench.task": result.protocol.task,
        "bench.task_version": str(result.protocol.task_version),
        "bench.metric_versions": canonical_json(
            {name: metric.version for name, metric in result.protocol.metrics.items()}
        ),
        "bench.metric_fingerprints": canonical_json(
            {name: result.protocol.fingerprint_of(name) for name in result.protocol.metrics}
        ),
        "bench.preset": result.protocol.preset,
        "bench.fingerprint": result.fingerprint,
        "bench.device": result.cost.device if result.cost else UNKNOWN,
        "bench.git_sha": str(sha) if sha else UNKNOWN,
        "bench.git_dirty": UNKNOWN if dirty is None else str(bool(dirty)).lower(),
        **SOURCE_TAGS,
    }
    if sha:
        tags["mlflow.source.git.commit"] = str(sha)
    if result.errors:
        tags["bench.error"] = f"{result.errors[0].type}: {result.errors[0].told}"
    return {key: _cut(value, MAX_TAG) for key, value in tags.items()}


def _numbers(name: str, estimate: Estimate) -> Iterator[tuple[str, float]]:
    low, high = estimate.interval or (None, None)
    named = {name: estimate.value, f"{name}.stderr": estimate.stderr, f"{name}.low": low, f"{name}.high": high}
    return ((part, value) for part, value in named.items() if value is not None)


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """The leaves of a tree as dotted keys and texts; an empty mapping is kept as ``{}``."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + str(key), value if isinstance(value, str) else canonical_json(value)


def _key(name: str) -> str:
    """A key that MLflow takes; one that had to change ends in a hash, so that keys stay distinct."""
    clean = _FORBIDDEN.sub("_", name)
    if clean == name and len(name) <= MAX_KEY:
        return name
    return f"{clean[: MAX_KEY - 9]}-{digest(name)[:8]}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
