"""The base of tasks on the samples of a data set: their settings, their protocol, and the systems they build."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from bench import registry
from bench.contracts.protocol import DatasetProtocol, Protocol
from bench.contracts.settings import overridden, validated
from bench.contracts.task import Job, Request, Task
from bench.datasets.base import Dataset
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError, Unavailable
from bench.machine.watch import watched
from bench.measuring.planning import (
    learned_from,
    metric_class,
    metric_section,
    open_dataset,
    preloaded,
    protocol_of,
    settled,
    stated_arguments,
)
from bench.metrics.base import Metric
from bench.modalities.base import Modality
from bench.modalities.signal import Signal
from bench.tokenizers.base import Tokenizer


class DatasetSettings(BaseModel):
    """The settings that all tasks share; the protocol carries them all, defaults written out. Tasks add their own.

    Attributes:
        preprocessing: how a stored sample becomes a signal; its class is the modality's.
        reconstruction: what happens to a decoder's output before it is scored; its class is the modality's.
        latents: whether a continuous tokenizer's decoder gets the mode of its latents or a sample of them.
        order: the order in which samples are measured.
        metrics: the settings of each metric, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preprocessing: BaseModel
    reconstruction: BaseModel
    latents: Literal["mode", "sample"] = "mode"
    order: Literal["dataset"] = "dataset"
    metrics: dict[str, dict[str, Any]] = Field(
        default_factory=dict, exclude=True, description="metric -> its settings; a protocol keeps them apart"
    )

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, given: Any) -> Any:
        """Take what a section does not set from the task's default, not from the section's class."""
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return {
            name: overridden(defaults[name].model_dump(), section)
            if isinstance(section, dict) and isinstance(defaults.get(name), BaseModel)
            else section
            for name, section in given.items()
        }


class DatasetTask(Task):
    """A task on the samples of one data set.

    Attributes:
        base: its settings before a modality's sections are filled in.
        judges: what the metrics that it takes may judge, as their registry lines state.
    """

    base: ClassVar[type[DatasetSettings]]
    judges: tuple[str, ...] = ("reconstruction",)

    def __init__(self, name: str, modality: Modality) -> None:
        super().__init__(name, modality)
        self._opened: dict[tuple[str, str | None], Dataset] = {}

    @abstractmethod
    def default_metrics(self) -> list[str]:
        """The names of the metrics that are measured where a protocol names none."""

    @cached_property
    def choices(self) -> type[DatasetSettings]:
        """The class of settings: the modality's for this kind of task, else ``base`` with the modality's sections."""
        if target := self.face.choices.get(self.kind):
            settings: type[DatasetSettings] = registry.load(target)
            return settings
        return create_model("Settings", __base__=self.base, __doc__=self.base.__doc__, **self.sections())

    def sections(self) -> dict[str, Any]:
        """The fields that a modality fills in, as ``pydantic.create_model`` takes them."""
        return {"preprocessing": (registry.load(self.face.preprocessing), ...)}

    def signals(self, settings: Any) -> Signal:
        """How the loop handles signals under these settings."""
        signal: Signal = registry.load(self.face.signal)()
        return signal

    def protocol(self, request: Request) -> Protocol:
        _, chosen = request.preset
        spec = DatasetSpec.parse(request.dataset)
        if spec.entry.modality != self.modality:
            raise BenchError(f"{spec.text} is a data set of {spec.entry.modality}; {self.name} takes {self.modality}")
        defaults = registry.load(spec.entry.target).defaults.model_dump()
        named = chosen.get("metrics") or dict.fromkeys(self.default_metrics())
        sections = {
            name: metric_section(self, self.judges, request.place, name, section) for name, section in named.items()
        }
        preprocessing = chosen.get("preprocessing") or {}
        if isinstance(preprocessing, dict):
            preprocessing = {**defaults, **preprocessing}
        given = {**chosen, "preprocessing": preprocessing, "metrics": sections}
        settings = validated(self.choices, given, request.place)
        dataset = open_dataset(spec, settings, request.options.data, request.options.limit)
        self.admit(settings, dataset)
        stated = DatasetProtocol(
            name=spec.text,
            split=dataset.split,
            fingerprint=dataset.fingerprint,
            n=len(dataset),
            limit=request.options.limit,
        )
        return protocol_of(self, request, stated, settings, sections)

    def admit(self, settings: Any, dataset: Dataset) -> None:
        """Raise BenchError if these settings do not fit this data set; called before anything is measured."""
        return

    def unmeasurable(self, job: Job) -> str:
        kind = registry.load(job.system.entry.target)
        try:
            if isinstance(kind, type) and issubclass(kind, Tokenizer) and kind.is_fitted(job.system.arguments):
                learned_from(job.system, self.planned(job))
        except BenchError as reason:
            return f"{job.system.text}: {reason}"
        return ""

    def planned(self, job: Job) -> Dataset:
        """The data set of a cell before it is measured; opened once for all cells under a protocol."""
        stated, key = job.protocol.dataset, (job.protocol.fingerprint, job.options.data)
        if key not in self._opened:
            settings = self.choices(**job.protocol.settings)
            self._opened[key] = open_dataset(DatasetSpec.parse(stated.name), settings, job.options.data, stated.limit)
        return self._opened[key]

    def opened(self, job: Job, settings: DatasetSettings) -> Dataset:
        """The data set of a cell that is being measured.

        Raises:
            BenchError: it changed since the run was planned.
        """
        stated = job.protocol.dataset
        dataset = open_dataset(DatasetSpec.parse(stated.name), settings, job.options.data, stated.limit)
        if dataset.fingerprint != stated.fingerprint:
            raise BenchError(f"{dataset.name}: the data changed since the run was planned; run it again")
        return dataset

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        return preloaded(protocol)

    def missing(self, protocol: Protocol) -> dict[str, str]:
        reasons = {}
        for name, section in protocol.sections.items():
            try:
                settled(metric_class(name), section)
            except Unavailable as reason:
                reasons[name] = f"{name}: {reason}"
        return reasons

    def warnings(self, job: Job) -> list[str]:
        """The warnings of metrics about the data set, which is opened only if a metric has some."""
        protocol = job.protocol
        kinds = {name: metric_class(name) for name in protocol.metrics}
        speaking = [name for name, kind in kinds.items() if kind.warnings.__func__ is not Metric.warnings.__func__]  # type: ignore[attr-defined]
        if not speaking:
            return []
        dataset = self.planned(job)
        return [
            f"{name}: {warning}"
            for name in speaking
            for warning in kinds[name].warnings(kinds[name].Settings(**protocol.sections[name]), dataset)
        ]

    def tokenizer(self, job: Job, settings: DatasetSettings, dataset: Dataset) -> Tokenizer:
        """The system, built as the protocol states and fitted on the data set's fit split if it can be fitted.

        Raises:
            BenchError: it is of another modality, or has to be fitted and there is no fit split.
        """
        with watched():
            tokenizer = job.system.build(**stated_arguments(job.system, settings))
            if tokenizer.modality != self.modality:
                raise BenchError(f"{job.system.text} is a tokenizer of {tokenizer.modality}, not of {self.modality}")
            if tokenizer.is_fitted(job.system.arguments):
                tokenizer.fit(learned_from(job.system, dataset), job.protocol.seed)
            return tokenizer
