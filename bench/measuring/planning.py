"""How a request becomes a protocol, and how the data sets and metrics that it names are opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from bench import registry
from bench.contracts.protocol import DatasetProtocol, MetricProtocol, Protocol
from bench.contracts.settings import validated
from bench.contracts.system import SystemSpec
from bench.contracts.task import Request, Task
from bench.datasets.base import Dataset, Limited
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError, Unavailable, UnknownName
from bench.metrics.base import Metric
from bench.metrics.pooled import PooledMetric

if TYPE_CHECKING:
    from bench.measuring.dataset_task import DatasetSettings


def protocol_of(
    task: Task, request: Request, dataset: DatasetProtocol, settings: BaseModel, sections: Mapping[str, dict[str, Any]]
) -> Protocol:
    """The whole protocol of a request.

    Args:
        dataset: the samples to measure.
        settings: the task's settings, defaults written out.
        sections: settings of each metric to measure, defaults written out.
    """
    return Protocol(
        preset=request.preset[0],
        task=task.name,
        task_version=task.version,
        dataset=dataset,
        settings=settings.model_dump(mode="json", serialize_as_any=True),
        metrics={name: _metric_protocol(metric_class(name), request, section) for name, section in sections.items()},
        dtype=request.options.dtype,
        tf32=request.options.tf32,
        seed=request.options.seed,
    )


def _metric_protocol(kind: type[Metric], request: Request, section: dict[str, Any]) -> MetricProtocol:
    weights = {name: request.sha256(name) for name in sorted(kind.weights)}
    return MetricProtocol(version=kind.version, settings=section, weights=weights)


def metric_class(name: str) -> type[Metric]:
    """The class of a registered metric.

    Raises:
        UnknownName: there is no metric of that name.
    """
    kind: type[Metric] = registry.load(registry.get("metrics", name).target)
    return kind


def metric_section(
    task: Task, judges: Sequence[str], place: str, name: str, section: dict[str, Any] | None
) -> dict[str, Any]:
    """A metric's section of a protocol with its defaults and revisions written out.

    Args:
        judges: what the task's metrics may judge, as their registry lines state.
        place: what messages begin with: the protocol's file, or its name.
        section: the settings that the protocol gives.

    Raises:
        BenchError: it is not a metric for the task, or has no such settings.
    """
    try:
        entry = registry.get("metrics", name)
    except UnknownName as error:
        raise BenchError(f"{place}: metrics: {error}") from error
    if not entry.serves(task.modality):
        raise BenchError(
            f"{place}: {name} is a metric of {entry.scope}; {task.name} takes {task.modality} (bench list protocols)"
        )
    if not entry.can_judge(*judges):
        raise BenchError(
            f"{place}: {name} is a metric of {entry.judges}; {task.name} takes those of "
            f"{' and '.join(judges)} (bench list metrics)"
        )
    kind = metric_class(name)
    settings: BaseModel = validated(kind.Settings, section or {}, place, f"metrics.{name}")
    with suppress(Unavailable):  # the cells will report it
        settings = settled(kind, settings.model_dump())
    return settings.model_dump(mode="json")


def settled(kind: type[Metric], section: Mapping[str, Any]) -> BaseModel:
    """A metric's settings with the revisions of what they name, such as a recognizer, filled in.

    Raises:
        BenchError: they name something that does not exist.
        Unavailable: it is not on this machine, or the metric's own code fails.
    """
    try:
        return kind.settle(kind.Settings(**section))
    except BenchError:
        raise
    except Exception as error:
        raise Unavailable(f"{kind.__name__}.settle: {type(error).__name__}: {error}") from error


def open_dataset(spec: DatasetSpec, settings: DatasetSettings, data: str | None, limit: int | None) -> Dataset:
    """The data set of a spec under a task's settings.

    Args:
        data: its path, if given.
        limit: only the first so many samples, if given.

    Raises:
        BenchError: its files are missing or do not fit.
    """
    dataset = spec.build(settings.preprocessing.model_dump(), data)
    return dataset if limit is None else Limited(dataset, limit)


def learned_from(system: SystemSpec, dataset: Dataset) -> Dataset:
    """The split that a tokenizer is fitted on.

    Raises:
        BenchError: the data set has none.
    """
    split = dataset.fit_split()
    if split is None:
        raise BenchError(
            f"{system.text} has to be fitted, but {dataset.name}/{dataset.split} has no split to fit on; "
            "choose another --dataset"
        )
    return split


def stated_arguments(system: SystemSpec, settings: DatasetSettings) -> dict[str, Any]:
    """The arguments of a system that the protocol decides rather than the user: how latents are drawn.

    Raises:
        BenchError: the user gave one of them, and it contradicts the protocol.
    """
    if "latents" not in system.parameters:
        return {}
    if system.arguments.get("latents", settings.latents) != settings.latents:
        raise BenchError(
            f"{system.text}: the protocol decodes latents by {settings.latents}; choose another with --protocol"
        )
    return {"latents": settings.latents}


def preloaded(protocol: Protocol) -> tuple[str, ...]:
    """Names of modules that take long to import, of the metrics of a protocol that run in a pool of processes."""
    kinds = [metric_class(name) for name in protocol.metrics]
    pooled = [kind for kind in kinds if issubclass(kind, PooledMetric)]
    return tuple(dict.fromkeys(module for kind in pooled for module in (kind.__module__, *kind.preload)))
