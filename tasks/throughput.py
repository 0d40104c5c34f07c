"""The task of throughput: how fast tokenizers and backbones are at every setting, and what that costs in quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from pydantic import Field

from bench import registry
from bench.contracts.protocol import Protocol
from bench.contracts.results import CodebookRecord
from bench.contracts.settings import validated
from bench.contracts.stats import Estimate
from bench.contracts.sweep import Sweep, SweepRow
from bench.contracts.system import BackboneSpec, SystemSpec
from bench.contracts.task import Job, Measurement, Report, Request
from bench.datasets.base import BadSample, Dataset, Sample
from bench.errors import BenchError
from bench.machine.environment import device_name
from bench.machine.watch import watched
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.records import dataset_record, system_record
from bench.measuring.seen import Seen
from bench.metrics.base import ENCODES_ONLY
from bench.modalities.signal import Signal
from bench.throughput.generating import BackboneSweep, PretrainedDrawer, probe_of
from bench.throughput.peaks import peak_flops
from bench.throughput.settings import SweepSettings
from bench.throughput.size import parameters_of
from bench.throughput.state import state_of
from bench.throughput.summary import generation_values, tokenizer_values
from bench.throughput.tokenizing import TokenizerSweep
from bench.throughput.usage import Usage

OF_TOKENIZERS = ("sizes", "compile", "samples", "probe")
OF_DRAWING = ("cached", "probe", "prompt", "seed")
"""Settings of the sweep that do not concern pretrained backbones, and tokenizers without a probe."""
KINDS = ("cpu", "cuda")
"""Kinds of devices whose work can be timed."""


class Choices(DatasetSettings):
    """Every setting of the task."""

    sweep: SweepSettings = SweepSettings()
    device: str = Field(default="", description="name of the device, filled in: speeds of others do not compare")


class Throughput(DatasetTask):
    """Time encode and decode, or drawing, over batch sizes, dtypes, torch.compile and sizes."""

    kind = "throughput"
    version = 1
    measures: ClassVar[tuple[str, ...]] = ("tokenizer", "backbone")
    base: ClassVar[type[DatasetSettings]] = Choices

    def default_metrics(self) -> list[str]:
        return []

    def sections(self) -> dict[str, Any]:
        finish = registry.load(self.face.finish)
        return {**super().sections(), "reconstruction": (finish, finish())}

    def signals(self, settings: Any) -> Signal:
        signal: Signal = registry.load(self.face.signal)(settings.reconstruction)
        return signal

    def protocol(self, request: Request) -> Protocol:
        name, chosen = request.preset
        options, kind = request.options, torch.device(request.options.device).type
        if chosen.get("metrics"):
            raise BenchError(f"{request.place}: {self.name} measures no metrics; leave them out")
        if options.dtype != "float32" or options.tf32:
            raise BenchError(
                f"{self.name} sweeps dtypes itself; leave out --dtype and --tf32, or set sweep: {{dtypes: [...]}} in a "
                "--protocol file"
            )
        if kind not in KINDS:
            raise BenchError(f"--device {options.device}: throughput is timed on {' and '.join(KINDS)} only")
        device = device_name(options.device)
        if chosen.get("device", device) != device:
            raise BenchError(f"{request.place}: device: {chosen['device']!r}, but this is {device}; leave it out")
        given = validated(SweepSettings, chosen.get("sweep") or {}, request.place, "sweep")
        signal: type[Signal] = registry.load(self.face.signal)
        if signal.whole_sizes and (part := next((size for size in given.sizes or () if size % 1), None)):
            raise BenchError(f"{request.place}: sweep.sizes: {part} is not a whole number of {signal.size_unit}")
        if given.probe and given.probe.paradigm != "auto":
            registry.get("backbones", given.probe.paradigm)
        sweep = given.on(kind, signal.sweep_sizes)
        whole = {**chosen, "device": device, "sweep": sweep.model_dump(mode="json")}
        # Batches are made of the first samples of the data set; the others need not be read.
        limit = min(sweep.samples, options.limit or sweep.samples)
        return super().protocol(replace(request, preset=(name, whole), options=replace(options, limit=limit)))

    def for_system(self, protocol: Protocol, system: SystemSpec) -> Protocol:
        foreign = OF_TOKENIZERS if isinstance(system, BackboneSpec) else OF_DRAWING
        if isinstance(system, BackboneSpec):
            system.pretrained(self.name, self.modality)
        elif protocol.setting("sweep", "probe"):
            return protocol
        sweep = {name: value for name, value in protocol.settings["sweep"].items() if name not in foreign}
        return protocol.model_copy(update={"settings": {**protocol.settings, "sweep": sweep}})

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        return ("torch.utils.flop_counter", "torch._dynamo")  # which counting operations imports, in seconds

    def measure(self, job: Job, report: Report) -> Measurement:
        settings = self.choices(**job.protocol.settings)
        assert isinstance(settings, Choices)
        device = torch.device(job.options.device)
        usage = Usage(device, settings.sweep.energy_seconds)
        name = torch.cuda.get_device_properties(device).name if device.type == "cuda" else ""
        if unknown := peak_flops(name, "float32")[1]:
            usage.lacking["mfu"] = unknown
        report("preparing", 0, 1)
        dataset = self.opened(job, settings)
        before = state_of(device, usage.nvml)
        with watched():
            measured = self._backbone if isinstance(job.system, BackboneSpec) else self._tokenizer
            measurement, rows = measured(job, settings, dataset, usage, report)
        sweep = Sweep(
            rows=rows,
            size_unit=self.signals(settings).size_unit,
            lacking=usage.lacking,
            before=before,
            after=state_of(device, usage.nvml),
        )
        return replace(measurement, sweep=sweep, warnings=[*measurement.warnings, *_doubts(rows)])

    def _tokenizer(
        self, job: Job, settings: Choices, dataset: Dataset, usage: Usage, report: Report
    ) -> tuple[Measurement, list[SweepRow]]:
        signals, seen = self.signals(settings), Seen(doubts=list(dataset.remarks))
        samples = _read(dataset, signals, settings.sweep.sizes or (), seen)
        build = partial(self.tokenizer, job, settings, dataset)
        device = torch.device(job.options.device)
        sweep = TokenizerSweep(build, samples, signals, settings.sweep, device, usage, report)
        sweep.run()
        rows, tokenizer = sweep.rows, sweep.tokenizer
        _require_some(rows)
        values = tokenizer_values(
            rows, len(samples), parameters_of(tokenizer), usage.lacking, "" if tokenizer.decodes else ENCODES_ONLY
        )
        if settings.sweep.probe:
            drawn, further = self._probe(settings, sweep, usage, report)
            rows, values = [*rows, *drawn], values | further
        seen.tokens = sweep.tokens
        measurement = Measurement(
            system=system_record(job, tokenizer, seen),
            codebooks=[CodebookRecord(**vars(book)) for book in tokenizer.codebooks],
            dataset=dataset_record(job.protocol, dataset, seen),
            metrics=values,
            samples={},
            warnings=seen.warnings(),
        )
        return measurement, rows

    def _probe(
        self, settings: Choices, sweep: TokenizerSweep, usage: Usage, report: Report
    ) -> tuple[list[SweepRow], dict[str, Estimate]]:
        """The rows and values of an untrained probe of a tokenizer's tokens, which computes in float32."""
        assert settings.sweep.probe is not None
        shape = settings.sweep.probe
        plain = settings.sweep.model_copy(update={"dtypes": ("float32",)})
        drawing = BackboneSweep(lambda _: probe_of(sweep, shape), plain, sweep.device, usage, report, sweep.sizes[0])
        drawing.run()
        return drawing.rows, generation_values(drawing.rows, usage.lacking)

    def _backbone(
        self, job: Job, settings: Choices, dataset: Dataset, usage: Usage, report: Report
    ) -> tuple[Measurement, list[SweepRow]]:
        spec, device = job.system, torch.device(job.options.device)
        assert isinstance(spec, BackboneSpec)
        facts: dict[str, Any] = {}
        codebooks: list[CodebookRecord] = []
        parameters = 0

        def make(dtype: torch.dtype) -> PretrainedDrawer:
            nonlocal parameters
            backbone = spec.backbone().to(device, dtype)
            facts.update(weights=backbone.weights, revision=backbone.revision)
            codebooks[:] = [CodebookRecord(**vars(book)) for book in backbone.codebooks]
            parameters = parameters_of(backbone)
            return PretrainedDrawer(backbone, settings.sweep)

        sweep = BackboneSweep(make, settings.sweep, device, usage, report)
        sweep.run()
        _require_some(sweep.rows)
        measurement = Measurement(
            system=spec.record(modality=self.modality, tokens=spec.kind, **facts),
            codebooks=codebooks,
            dataset=dataset_record(job.protocol, dataset, Seen()),
            metrics=generation_values(sweep.rows, usage.lacking, parameters),
            samples={},
        )
        return measurement, sweep.rows


def _read(dataset: Dataset, signals: Signal, sizes: Sequence[float], seen: Seen) -> list[Sample]:
    """The samples of a data set that can be read and, at the first of the sizes, be joined in a batch without padding.

    Raises:
        BenchError: there is none.
    """
    samples: list[Sample] = []
    first: Sample | None = None
    for index in range(len(dataset)):
        try:
            sample = dataset.load(index)
        except BadSample as reason:
            seen.skipped[dataset.id(index)] = str(reason)
            continue
        sized = signals.sized(sample, sizes[0]) if sizes else sample
        first = first or sized
        if signals.joins([first], sized, equal_lengths=True):
            samples.append(sample)
            seen.note(index, sample)
    seen.require_samples(dataset)
    return samples


def _require_some(rows: list[SweepRow]) -> None:
    """BenchError if nothing was measured and something failed."""
    if not any(row.outcome == "measured" for row in rows) and (failed := _never(rows)):
        raise BenchError(failed[0])


def _never(rows: list[SweepRow]) -> list[str]:
    """A sentence for each part that failed at every setting, with the reason of the first."""
    measured = {row.part for row in rows if row.outcome == "measured"}
    failed = {row.part: row.reason for row in reversed(rows) if row.outcome == "failed" and row.part not in measured}
    return [f"{part} failed at every setting: {reason}" for part, reason in failed.items()]


def _doubts(rows: list[SweepRow]) -> list[str]:
    """What makes the numbers doubtful: parts and results that settings break, and rates that were not steady."""
    broken = list(
        dict.fromkeys(f"{row.dtype}{', compiled' * row.compiled}: {row.broken}" for row in rows if row.broken)
    )
    measured = [row for row in rows if row.outcome == "measured"]
    unsteady = sum(row.steady is False for row in measured)
    doubts = [*_never(rows), *([f"results are broken in {'; '.join(broken)}"] if broken else [])]
    if unsteady:
        doubts.append(
            f"{unsteady} of {len(measured)} rates were not steady while they were timed: something else may use the "
            "device, or it throttles (bench show RESULT has the rows and the device's state)"
        )
    return doubts
