"""Reconstruction of a data set by a tokenizer, shown to metrics and other observers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.contracts.task import Job, Report
from bench.datasets.base import Dataset
from bench.machine.memory import MemoryMeter
from bench.machine.pool import Pool
from bench.machine.ranks import ALONE, HandedOver
from bench.measuring.dataset_task import DatasetSettings
from bench.measuring.elsewhere import Pairs, Reading
from bench.measuring.kept_samples import Keeper
from bench.measuring.loop import Loop, Maker, evaluate
from bench.measuring.metric_sets import feature_bank
from bench.measuring.passing import Passing, timed_positions
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
    keepers: Sequence[Keeper],
    meter: MemoryMeter,
    pool: Pool | None,
    report: Report,
) -> Seen:
    """Encode and decode a data set, or read what was made of it elsewhere, and show it to the metrics and to others.

    Args:
        system: the tokenizer, or the data set with its reconstructions.
        keepers: what keeps samples.

    Raises:
        BenchError: no sample was measured.
        HandedOver: this is not the first of the processes that measure the cell together, which has everything now.
    """
    device, options = torch.device(job.options.device), job.options
    ranks = job.place.ranks if job.place else ALONE
    resume = job.place.resume if job.place else None
    # A metric that fails on one rank, as for want of memory, must not leave it without what the others end together.
    bank = feature_bank(job, settings, device) if any(ranks.exchange(metrics.want_features)) else None
    limits, seed = limits_of(job.protocol), job.protocol.seed
    loop = Loop(signals, device, options.batch_size, options.workers, seed, report, pool, limits, ranks)
    seen = Seen(doubts=list(dataset.remarks))
    if isinstance(system, Pairs):
        maker: Maker = Reading(system, loop)
    else:
        positions = ranks.share(len(dataset), options.batch_size)
        timed = timed_positions(positions, metrics.timed_batches)
        maker = Passing(system, loop, meter, seen.doubts, timed)
    saved = {"metrics": metrics, **{f"keeper {number}": keeper for number, keeper in enumerate(keepers)}}
    evaluate(maker, dataset, [*metrics, *keepers], loop, seen, bank, resume, saved)
    if bank:
        bank.finish(complete=not seen.failed)
    seen.reduce(ranks)
    metrics.reduce(ranks)
    for keeper in keepers:
        keeper.reduce(ranks)
    if not ranks.first:
        raise HandedOver
    seen.require_samples(dataset)
    return seen
