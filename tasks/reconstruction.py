"""The task of reconstruction: what a tokenizer loses, at what rate, and how fast, per sample and over the set."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, ClassVar

import torch

from bench import registry
from bench.contracts.results import CodebookRecord, broken_metrics
from bench.contracts.task import Job, Measurement, Report
from bench.machine.memory import MemoryMeter
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.kept_samples import Keeper
from bench.measuring.metric_sets import build_metrics, open_pool
from bench.measuring.reconstruct import reconstruct
from bench.measuring.records import dataset_record, system_record
from bench.metrics.guarded import require_values
from bench.modalities.signal import Signal


class Reconstruction(DatasetTask):
    """Encode and decode every sample, and compare the reconstruction with the original."""

    kind = "recon"
    version = 1
    base: ClassVar[type[DatasetSettings]] = DatasetSettings

    def sections(self) -> dict[str, Any]:
        finish = registry.load(self.face.finish)
        return {**super().sections(), "reconstruction": (finish, finish())}

    def signals(self, settings: Any) -> Signal:
        signal: Signal = registry.load(self.face.signal)(settings.reconstruction)
        return signal

    def default_metrics(self) -> list[str]:
        return list(self.face.metrics["reconstruction"])

    def measure(self, job: Job, report: Report) -> Measurement:
        protocol = job.protocol
        settings = self.choices(**protocol.settings)
        device, dtype = torch.device(job.options.device), getattr(torch, protocol.dtype)
        dataset, signals = self.opened(job, settings), self.signals(settings)
        with ExitStack() as closing:
            pool = open_pool(protocol.metrics, job, closing)
            meter = MemoryMeter(device)
            report("preparing", 0, len(dataset))
            tokenizer = self.tokenizer(job, settings, dataset).to(device, dtype)
            meter.loaded()
            metrics = build_metrics(job, protocol.sections, tokenizer.codebooks, device, pool)
            keeper = Keeper(signals, len(dataset), job.options.keep)
            seen = reconstruct(job, settings, signals, tokenizer, dataset, metrics, [keeper], meter, pool, report)
            report("computing", len(dataset), len(dataset))
            estimates, columns = metrics.outcome(len(seen.ids))
        if broken_metrics(estimates):
            require_values(estimates)
        return Measurement(
            system=system_record(job, tokenizer, seen),
            codebooks=[CodebookRecord(**vars(book)) for book in tokenizer.codebooks],
            dataset=dataset_record(protocol, dataset, seen),
            metrics=estimates,
            samples={"id": seen.ids, "group": seen.groups, **columns},
            kept=keeper.samples,
            warnings=[*seen.warnings(), *keeper.warnings],
        )
