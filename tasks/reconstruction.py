"""The task of reconstruction: what a tokenizer loses, at what rate, and how fast, per sample and over the set."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any, ClassVar

import torch

from bench import registry
from bench.contracts.elsewhere import RECONSTRUCTIONS, ElsewhereSpec
from bench.contracts.results import CodebookRecord, broken_metrics
from bench.contracts.task import Job, Measurement, Report
from bench.errors import BenchError
from bench.machine.memory import MemoryMeter
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.elsewhere import LACKING, Pairs
from bench.measuring.kept_samples import Keeper
from bench.measuring.metric_sets import build_metrics, open_pool
from bench.measuring.reconstruct import reconstruct
from bench.measuring.records import dataset_record, system_record
from bench.metrics.base import ENCODES_ONLY, Need
from bench.metrics.guarded import require_values
from bench.modalities.base import Modality
from bench.modalities.signal import Signal
from bench.tokenizers.base import Tokenizer


class Reconstruction(DatasetTask):
    """Encode and decode every sample, and compare the reconstruction with the original."""

    kind = "recon"
    version = 1
    measures = ("tokenizer", RECONSTRUCTIONS)
    by_ranks = True
    base: ClassVar[type[DatasetSettings]] = DatasetSettings

    def __init__(self, name: str, modality: Modality) -> None:
        super().__init__(name, modality)
        self._paired: dict[tuple[str, str], Pairs] = {}

    def sections(self) -> dict[str, Any]:
        finish = registry.load(self.face.finish)
        return {**super().sections(), "reconstruction": (finish, finish())}

    def signals(self, settings: Any) -> Signal:
        signal: Signal = registry.load(self.face.signal)(settings.reconstruction)
        return signal

    def default_metrics(self) -> list[str]:
        return list(self.face.metrics["reconstruction"])

    def unmeasurable(self, job: Job) -> str:
        try:
            return "" if self._pairs(job) else super().unmeasurable(job)
        except BenchError as reason:
            return str(reason)

    def warnings(self, job: Job) -> list[str]:
        remarks: list[str] = []
        with suppress(BenchError):  # why nothing can be measured is said once
            if pairs := self._pairs(job):
                remarks = [f"{job.system.text}: {remark}" for remark in pairs.own_remarks]
        return [*super().warnings(job), *remarks]

    def _pairs(self, job: Job) -> Pairs | None:
        """The planned data set with the reconstructions that were made elsewhere, paired once; None for tokenizers."""
        if not isinstance(job.system, ElsewhereSpec):
            return None
        key = (job.system.text, job.protocol.identity)
        if key not in self._paired:
            signals = self.signals(self.choices(**job.protocol.settings))
            self._paired[key] = Pairs(self.planned(job), job.system, signals)
        return self._paired[key]

    def measure(self, job: Job, report: Report) -> Measurement:
        protocol = job.protocol
        settings = self.choices(**protocol.settings)
        device, dtype = torch.device(job.options.device), getattr(torch, protocol.dtype)
        dataset, signals = self.opened(job, settings), self.signals(settings)
        with ExitStack() as closing:
            pool = open_pool(protocol.metrics, job, closing)
            meter = MemoryMeter(device)
            report("preparing", 0, len(dataset))
            system: Tokenizer | Pairs
            if isinstance(job.system, ElsewhereSpec):
                system = dataset = Pairs(dataset, job.system, signals)
                lacking: dict[Need, str] = LACKING
            else:
                system = self.tokenizer(job, settings, dataset).to(device, dtype)
                lacking = {} if system.decodes else {"reconstruction": ENCODES_ONLY}
            meter.loaded()
            metrics = build_metrics(job, protocol.sections, system.codebooks, device, pool, lacking)
            keeper = Keeper(signals, len(dataset), job.options.keep)
            seen = reconstruct(job, settings, signals, system, dataset, metrics, [keeper], meter, pool, report)
            report("computing", len(dataset), len(dataset))
            estimates, columns = metrics.outcome(len(seen.ids))
        if broken_metrics(estimates):
            require_values(estimates)
        return Measurement(
            system=system_record(job, system, seen),
            codebooks=[CodebookRecord(**vars(book)) for book in system.codebooks],
            dataset=dataset_record(protocol, dataset, seen),
            metrics=estimates,
            samples={"id": seen.ids, "group": seen.groups, **columns},
            kept=keeper.samples,
            warnings=[*seen.warnings(), *keeper.warnings],
        )
