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
from bench.measuring.elsewhere import Pairs, Reading
from bench.measuring.loop import Loop, Maker, evaluate
from bench.measuring.metric_sets import feature_bank
from bench.measuring.passing import Passing
from bench.measuring.seen import Seen
from bench.measuring.trial import limits_of
from bench.metrics.guarded import MetricSet
from bench.modalities.signal import Signal
from bench.tokenizers.base import Tokenizer


def reconstruct(
    job: Job,
    settings: DatasetSettings,
    signals: Signal,
    system: Tokenizer | Pairs,
    dataset: Dataset,
    metrics: MetricSet,
    others: Sequence[Observer],
    meter: MemoryMeter,
    pool: Pool | None,
    report: Report,
) -> Seen:
    """Encode and decode a data set, or read what was made of it elsewhere, and show it to the metrics and to others.

    Args:
        system: the tokenizer, or the data set with its reconstructions.
        others: other observers.

    Raises:
        BenchError: no sample was measured.
    """
    device = torch.device(job.options.device)
    bank = feature_bank(job, settings, device) if metrics.want_features else None
    limits = limits_of(job.protocol)
    loop = Loop(signals, device, job.options.batch_size, job.options.workers, job.protocol.seed, report, pool, limits)
    seen = Seen(doubts=list(dataset.remarks))
    maker: Maker = Reading(system, loop) if isinstance(system, Pairs) else Passing(system, loop, meter, seen.doubts)
    evaluate(maker, dataset, [*metrics, *others], loop, seen, bank)
    seen.require_samples(dataset)
    if bank:
        bank.finish(complete=not seen.failed)
    return seen
