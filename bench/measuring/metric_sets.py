"""The metrics of a cell, built as its protocol states, and what they share: processes and deep features."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from bench.contracts.task import Job
from bench.contracts.tokens import Codebook
from bench.errors import Unavailable
from bench.machine.pool import Pool
from bench.machine.ranks import ALONE
from bench.measuring.features import FeatureBank
from bench.measuring.planning import metric_class
from bench.metrics.base import Metric, Need
from bench.metrics.guarded import Guarded, MetricSet
from bench.metrics.pooled import PooledMetric

if TYPE_CHECKING:
    from bench.measuring.dataset_task import DatasetSettings

MOST_PROCESSES = 32
"""The most processes of the pool, on machines with more cores than that."""


def build_metrics(
    job: Job,
    sections: Mapping[str, dict[str, Any]],
    codebooks: tuple[Codebook, ...],
    device: torch.device,
    pool: Pool | None = None,
    lacking: Mapping[Need, str] = MappingProxyType({}),
) -> MetricSet:
    """New metrics; those that cannot be measured give the reason instead of values.

    Args:
        sections: settings of each metric to measure, by its name.
        codebooks: codebooks of the tokenizer.
        device: where metrics are computed.
        pool: processes for metrics that use some.
        lacking: what the system does not give, and why.
    """

    def make(kind: type[Metric], section: dict[str, Any]) -> Metric:
        for need in sorted(kind.needs & lacking.keys()):
            raise Unavailable(lacking[need])
        paths = {}
        for weights in kind.weights:
            if isinstance(file := job.weights[weights], Unavailable):
                raise Unavailable(file.cause, file.remedy)
            paths[weights] = file
        kind.settle(kind.Settings(**section))
        metric = kind(section, codebooks, paths).to(device)
        metric.system = job.system.text
        if isinstance(metric, PooledMetric):
            metric.pool = pool
        return metric

    kinds = {name: metric_class(name) for name in sections}
    return MetricSet(Guarded(name, kind, partial(make, kind, sections[name])) for name, kind in kinds.items())


def feature_bank(job: Job, settings: DatasetSettings, device: torch.device) -> FeatureBank:
    """The deep features that the metrics of a cell share, with the reference features cached by its protocol."""
    present = {name: file for name, file in job.weights.items() if isinstance(file, Path)}
    data = job.protocol.dataset
    reference = {
        "dataset": [data.name, data.split, data.fingerprint, data.limit],
        "preprocessing": settings.preprocessing.model_dump(mode="json"),
        "reconstruction": settings.reconstruction.model_dump(mode="json"),
    }
    ranks = job.place.ranks if job.place else ALONE
    folder = job.place.resume.rows if job.place and job.place.resume else None
    return FeatureBank(present, job.protocol.weights, device, reference, data.n, folder, ranks)


def open_pool(metrics: Iterable[str], job: Job, closing: ExitStack) -> Pool | None:
    """The processes for those of the named metrics that use some; None if none does or the run has no workers.

    Args:
        closing: closes the pool at its end.
    """
    kinds = [kind for kind in map(metric_class, metrics) if issubclass(kind, PooledMetric)]
    if not kinds or not job.options.workers:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = Pool(min(cores or 1, MOST_PROCESSES))
    closing.callback(pool.close)
    return pool
