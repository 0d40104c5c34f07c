"""Reconstruction of a data set by a tokenizer, shown to metrics and other observers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.contracts.task import Job, Report
from bench.datasets.base import Dataset
from bench.machine.memory import MemoryMeter
from bench.machine.pool import Pool
from bench.measuring.copies import Observer
from bench.measuring.dataset_task import DatasetSettings
from bench.measuring.loop import Loop, evaluate
from bench.measuring.metric_sets import feature_bank
from bench.measuring.seen import Seen
from bench.measuring.trial import limits_of
from bench.metrics.guarded import MetricSet
from bench.modalities.signal import Signal
from bench.tokenizers.base import Tokenizer


def reconstruct(
    job: Job,
    settings: DatasetSettings,
    signals: Signal,
    tokenizer: Tokenizer,
    dataset: Dataset,
    metrics: MetricSet,
    others: Sequence[Observer],
    meter: MemoryMeter,
    pool: Pool | None,
    report: Report,
) -> Seen:
    """Encode and decode a data set, and show it to the metrics and to other observers.

    Raises:
        BenchError: no sample was measured.
    """
    device = torch.device(job.options.device)
    bank = feature_bank(job, settings, device) if metrics.want_features else None
    limits = limits_of(job.protocol)
    loop = Loop(signals, device, job.options.batch_size, job.options.workers, job.protocol.seed, report, pool, limits)
    seen = evaluate(tokenizer, dataset, [*metrics, *others], loop, meter, bank)
    seen.require_samples(dataset)
    if bank:
        bank.finish(complete=not seen.failed)
    return seen
