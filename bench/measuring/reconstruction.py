"""What the reconstruction tasks of all modalities share: encode, decode, compare, a sample and a set at a time."""

from __future__ import annotations

import inspect
import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench import registry
from bench.contracts.protocol import DatasetProtocol, Protocol
from bench.contracts.results import CodebookRecord, DatasetRecord, SystemRecord, broken_metrics
from bench.contracts.settings import validated
from bench.contracts.system import SystemSpec
from bench.contracts.task import Job, Measurement, Report, Request, Task
from bench.contracts.tokens import Codebook
from bench.datasets.base import Dataset, Limited
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError, Unavailable, UnknownName
from bench.machine.memory import MemoryMeter
from bench.machine.pool import Pool
from bench.machine.watch import watched
from bench.measuring.copies import Observer
from bench.measuring.features import FeatureBank
from bench.measuring.kept_samples import Keeper
from bench.measuring.loop import Loop, evaluate
from bench.measuring.seen import Seen
from bench.measuring.trial import limits_of
from bench.metrics.base import Metric
from bench.metrics.guarded import Guarded, MetricSet, require_values
from bench.modalities.audio.metrics.clips import PooledMetric
from bench.modalities.signal import Signal
from bench.tokenizers.base import Tokenizer

MOST_PROCESSES = 32
"""Of the pool, on machines with more cores than that."""


class ReconstructionSettings(BaseModel):
    """Every choice of a task; the protocol carries them all, defaults written out. Tasks add their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preprocessing: BaseModel
    reconstruction: BaseModel
    latents: Literal["mode", "sample"] = "mode"
    order: Literal["dataset"] = "dataset"
    metrics: dict[str, dict[str, Any]] = Field(description="metric -> its settings, defaults written out")

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, given: Any) -> Any:
        """What a section does not set is as the task has it, not as the section's own class has it."""
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return {
            name: overridden(defaults[name].model_dump(), section)
            if isinstance(section, dict) and isinstance(defaults.get(name), BaseModel)
            else section
            for name, section in given.items()
        }


class ReconstructionTask(Task):
    """A task of one modality: its settings, and how the loop handles its signals.

    Attributes:
        judges: what the metrics it takes may judge, as their registry lines say.
    """

    choices: ClassVar[type[ReconstructionSettings]]
    judges: ClassVar[tuple[str, ...]] = ("reconstruction",)

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str | None], Dataset] = {}

    @abstractmethod
    def signals(self, settings: Any) -> Signal:
        """How the loop handles the signals under these settings."""

    def protocol(self, request: Request) -> Protocol:
        _, chosen = request.preset
        spec = DatasetSpec.parse(request.dataset)
        if spec.entry.modality != self.modality:
            raise BenchError(f"{spec.text} is a data set of {spec.entry.modality}; {self.name} takes {self.modality}")
        defaults = registry.load(spec.entry.target).defaults.model_dump()
        named = chosen.get("metrics") or dict.fromkeys(self._default_metrics())
        sections = {
            name: metric_section(self, self.judges, request.place, name, section) for name, section in named.items()
        }
        preprocessing = chosen.get("preprocessing") or {}
        if isinstance(preprocessing, dict):
            preprocessing = {**defaults, **preprocessing}
        given = {**chosen, "preprocessing": preprocessing, "metrics": sections}
        settings = validated(self.choices, given, request.place)
        dataset = open_dataset(spec, settings, request.data, request.limit)
        self.admit(settings, dataset)
        stated = DatasetProtocol(
            name=spec.text, split=dataset.split, fingerprint=dataset.fingerprint, n=len(dataset), limit=request.limit
        )
        return protocol_of(self, request, stated, settings, sections)

    def admit(self, settings: Any, dataset: Dataset) -> None:
        """BenchError if these settings cannot be met on this data set; told before anything is measured."""
        return

    def unmeasurable(self, job: Job) -> str:
        kind = registry.load(job.system.entry.target)
        try:
            if getattr(kind, "fit", Tokenizer.fit) is not Tokenizer.fit:
                learned_from(job.system, self._dataset(job))
        except BenchError as reason:
            return f"{job.system.text}: {reason}"
        return ""

    def _dataset(self, job: Job) -> Dataset:
        """The data set of a cell; opened once for all cells under a protocol."""
        stated, known = job.protocol.dataset, (job.protocol.fingerprint, job.data)
        if known not in self._opened:
            settings = self.choices(**job.protocol.settings)
            self._opened[known] = open_dataset(DatasetSpec.parse(stated.name), settings, job.data, stated.limit)
        return self._opened[known]

    def measure(self, job: Job, report: Report) -> Measurement:
        protocol = job.protocol
        settings = self.choices(**protocol.settings)
        device, dtype = torch.device(job.device), getattr(torch, protocol.dtype)
        spec = DatasetSpec.parse(protocol.dataset.name)
        dataset = open_dataset(spec, settings, job.data, protocol.dataset.limit)
        if dataset.fingerprint != protocol.dataset.fingerprint:
            raise BenchError(f"{dataset.name}: the data changed since the run was planned; run it again")
        with ExitStack() as closing:
            pool = open_pool(settings, job, closing)
            meter = MemoryMeter(device)
            report("preparing", 0, len(dataset))
            tokenizer = self.tokenizer(job, settings, dataset).to(device, dtype)
            meter.loaded()
            metrics = build_metrics(job, settings.metrics, tokenizer.codebooks, device, pool)
            keeper = Keeper(self.signals(settings), len(dataset), job.keep)
            seen = self.reconstruct(job, settings, tokenizer, dataset, metrics, [keeper], meter, pool, report)
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
            warnings=seen.warnings(),
        )

    def reconstruct(
        self,
        job: Job,
        settings: ReconstructionSettings,
        tokenizer: Tokenizer,
        dataset: Dataset,
        metrics: MetricSet,
        others: Sequence[Observer],
        meter: MemoryMeter,
        pool: Pool | None,
        report: Report,
    ) -> Seen:
        """Encode and decode a data set, and show it to the metrics and to others that observe it.

        Raises:
            BenchError: no sample was measured.
        """
        device = torch.device(job.device)
        bank = _bank(job, settings, device) if metrics.want_features else None
        limits = limits_of(job.protocol)
        loop = Loop(
            self.signals(settings), device, job.batch_size, job.workers, job.protocol.seed, report, pool, limits
        )
        seen = evaluate(tokenizer, dataset, [*metrics, *others], loop, meter, bank)
        seen.refuse_nothing(dataset)
        if bank:
            bank.finish(complete=not seen.failed)
        return seen

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        kinds = [metric_class(name) for name in protocol.metrics]
        pooled = [kind for kind in kinds if issubclass(kind, PooledMetric)]
        return tuple(dict.fromkeys(module for kind in pooled for module in (kind.__module__, *kind.preload)))

    def missing(self, protocol: Protocol) -> dict[str, str]:
        reasons = {}
        for name, section in self.choices(**protocol.settings).metrics.items():
            try:
                settled(metric_class(name), section)
            except Unavailable as reason:
                reasons[name] = f"{name}: {reason}"
        return reasons

    def warnings(self, job: Job) -> list[str]:
        """What the metrics say of the data set; it is opened again only if one has something to say."""
        protocol = job.protocol
        settings = self.choices(**protocol.settings)
        kinds = {name: metric_class(name) for name in settings.metrics}
        speaking = [name for name, kind in kinds.items() if kind.warnings.__func__ is not Metric.warnings.__func__]  # type: ignore[attr-defined]
        if not speaking:
            return []
        dataset = open_dataset(DatasetSpec.parse(protocol.dataset.name), settings, job.data, protocol.dataset.limit)
        return [
            f"{name}: {warning}"
            for name in speaking
            for warning in kinds[name].warnings(kinds[name].Settings(**settings.metrics[name]), dataset)
        ]

    def _default_metrics(self) -> list[str]:
        """All built-in metrics of the modality, and those of any; a plug-in's is measured where a protocol names it."""
        known = registry.built_in("metrics").items()
        return [
            name for name, entry in known if entry.judges == "reconstruction" and entry.modality in ("", self.modality)
        ]

    def tokenizer(self, job: Job, settings: ReconstructionSettings, dataset: Dataset) -> Tokenizer:
        """The system, built as the protocol says and fitted on the data set's fit split if it can be."""
        with watched():
            tokenizer = job.system.build(**_stated(job.system, settings))
            if tokenizer.modality != self.modality:
                raise BenchError(f"{job.system.text} is a tokenizer of {tokenizer.modality}, not of {self.modality}")
            if type(tokenizer).fit is not Tokenizer.fit:
                tokenizer.fit(learned_from(job.system, dataset), job.protocol.seed)
            return tokenizer


def learned_from(system: SystemSpec, dataset: Dataset) -> Dataset:
    """The split that a tokenizer is fitted on; BenchError if there is none."""
    found = dataset.fit_split()
    if found is None:
        raise BenchError(f"{system.text} has to be fitted, but {dataset.name}/{dataset.split} has no split to fit on")
    return found


def overridden(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Defaults with what is given in their place, section by section."""
    both = {
        name: overridden(defaults[name], value)
        for name, value in given.items()
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
    }
    return {**defaults, **given, **both}


def protocol_of(
    task: Task, request: Request, dataset: DatasetProtocol, settings: BaseModel, metrics: Iterable[str]
) -> Protocol:
    """The whole protocol from what a task has made of a request."""
    classes = {name: metric_class(name) for name in metrics}
    weights = {name for metric in classes.values() for name in metric.weights}
    return Protocol(
        preset=request.preset[0],
        task=task.name,
        task_version=task.version,
        dataset=dataset,
        settings=settings.model_dump(mode="json", serialize_as_any=True),
        metrics={name: metric.version for name, metric in classes.items()},
        weights={name: request.sha256(name) for name in sorted(weights)},
        dtype=request.dtype,
        tf32=request.tf32,
        seed=request.seed,
    )


def metric_class(name: str) -> type[Metric]:
    """The class of a registered metric."""
    found: type[Metric] = registry.load(registry.get("metrics", name).target)
    return found


def metric_section(
    task: Task, judges: Sequence[str], place: str, name: str, section: dict[str, Any] | None
) -> dict[str, Any]:
    """A metric's section of a protocol, its defaults and revisions written out.

    Args:
        judges: what the task's metrics judge, as their registry lines say.
        place: what messages begin with: the protocol's file, or its name.

    Raises:
        BenchError: it is no metric for the task, or has no such settings.
    """
    try:
        entry = registry.stated("metrics", name)
    except UnknownName as error:
        raise BenchError(f"{place}: metrics: {error}") from error
    if entry.modality not in ("", task.modality):
        raise BenchError(
            f"{place}: {name} is a metric of {entry.modality}; {task.name} takes {task.modality} (bench list protocols)"
        )
    if entry.judges not in judges:
        raise BenchError(
            f"{place}: {name} is a metric of {entry.judges}; {task.name} takes those of "
            f"{' and '.join(judges)} (bench list metrics)"
        )
    kind = metric_class(name)
    settings: BaseModel = validated(kind.Settings, section or {}, place, f"metrics.{name}")
    with suppress(Unavailable):  # the cells will say so
        settings = settled(kind, settings.model_dump())
    return settings.model_dump(mode="json")


def settled(kind: type[Metric], section: Mapping[str, Any]) -> BaseModel:
    """A metric's settings with the revisions of what they name.

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


def open_dataset(spec: DatasetSpec, settings: ReconstructionSettings, data: str | None, limit: int | None) -> Dataset:
    dataset = spec.build(settings.preprocessing.model_dump(), data)
    return dataset if limit is None else Limited(dataset, limit)


def _stated(system: SystemSpec, settings: ReconstructionSettings) -> dict[str, Any]:
    """Arguments of a system that the protocol decides, not the user: how latents are drawn."""
    if "latents" not in inspect.signature(registry.load(system.entry.target)).parameters:
        return {}
    if system.arguments.get("latents", settings.latents) != settings.latents:
        raise BenchError(
            f"{system.text}: the protocol decodes latents by {settings.latents}; choose another with --protocol"
        )
    return {"latents": settings.latents}


def build_metrics(
    job: Job,
    sections: Mapping[str, dict[str, Any]],
    codebooks: tuple[Codebook, ...],
    device: torch.device,
    pool: Pool | None = None,
) -> MetricSet:
    """The metrics, new; those that cannot be measured say why.

    Args:
        sections: settings of each metric to measure.
    """

    def make(kind: type[Metric], section: dict[str, Any]) -> Metric:
        missing = [found for weights in kind.weights if isinstance(found := job.weights[weights], str)]
        if missing:
            raise Unavailable(missing[0])
        kind.settle(kind.Settings(**section))
        paths = {weights: Path(job.weights[weights]) for weights in kind.weights}
        metric = kind(section, codebooks, paths).to(device)
        metric.system = job.system.text
        if isinstance(metric, PooledMetric):
            metric.pool = pool
        return metric

    kinds = {name: metric_class(name) for name in sections}
    return MetricSet(Guarded(name, kind, partial(make, kind, sections[name])) for name, kind in kinds.items())


def _bank(job: Job, settings: ReconstructionSettings, device: torch.device) -> FeatureBank:
    """The deep features that several metrics share."""
    present = {name: found for name, found in job.weights.items() if isinstance(found, Path)}
    data = job.protocol.dataset
    reference = {
        "dataset": [data.name, data.split, data.fingerprint, data.limit],
        "preprocessing": settings.preprocessing.model_dump(mode="json"),
        "reconstruction": settings.reconstruction.model_dump(mode="json"),
    }
    return FeatureBank(present, job.protocol.weights, device, reference, data.n)


def open_pool(settings: ReconstructionSettings, job: Job, closing: ExitStack) -> Pool | None:
    """Processes for the metrics that want some; None if none does, or there are to be no workers."""
    kinds = [kind for kind in map(metric_class, settings.metrics) if issubclass(kind, PooledMetric)]
    if not kinds or not job.workers:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = Pool(min(cores or 1, MOST_PROCESSES))
    closing.callback(pool.close)
    return pool


def system_record(job: Job, tokenizer: Tokenizer, seen: Seen) -> SystemRecord:
    return job.system.record(
        modality=tokenizer.modality, tokens=seen.tokens, weights=tokenizer.weights, revision=tokenizer.revision
    )


def dataset_record(protocol: Protocol, dataset: Dataset, seen: Seen) -> DatasetRecord:
    """What was read of a data set, and what was not."""
    return DatasetRecord(
        name=protocol.dataset.name,
        split=dataset.split,
        fingerprint=dataset.fingerprint,
        n=len(seen.ids),
        groups=len(set(seen.groups)),
        skipped=seen.skipped,
        failed=seen.failed,
        converted=dict(seen.converted),
        stored=dict(seen.stored),
    )
