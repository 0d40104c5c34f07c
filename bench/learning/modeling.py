"""What the token-modelling tasks of all modalities share: tokens of two splits, a probe, and its verdict as rates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from bench.backbones.base import Backbone
from bench.backbones.corpus import Corpus
from bench.contracts.protocol import Protocol
from bench.contracts.results import CodebookRecord
from bench.contracts.stats import Estimate
from bench.contracts.system import BackboneSpec, SystemSpec
from bench.contracts.task import Job, Measurement, Report, Request
from bench.contracts.tokens import Tokens
from bench.datasets.base import Dataset, Sample, Spread
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError
from bench.learning.conditions import classes_told, refuse_unlearned
from bench.learning.likelihood import Likelihood
from bench.learning.pretrained_modeling import ConditionSettings, check_conditions, measure_published, with_texts
from bench.learning.probe import Probe, ProbeSettings, check_probe
from bench.learning.tokenized import Tokenized
from bench.machine.watch import watched
from bench.measuring.reconstruction import (
    ReconstructionSettings,
    ReconstructionTask,
    build_metrics,
    dataset_record,
    open_dataset,
    system_record,
)
from bench.measuring.runner import cell_key
from bench.metrics.base import Fact
from bench.metrics.guarded import MetricSet


class NoReconstruction(BaseModel):
    """Nothing is reconstructed, so there is nothing to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModellingSettings(ReconstructionSettings):
    """Every choice of a task."""

    reconstruction: NoReconstruction = NoReconstruction()
    probe: ProbeSettings = ProbeSettings()


class ModellingTask(ReconstructionTask):
    """Train the probe on the tokens of a data set's fit split, and measure the likelihood of those of the other.

    Attributes:
        rates: the metrics that stand beside the likelihood.
        further_metrics: the metrics of what else the task asks the trained backbones.
        bits: the likelihood in bits of an amount of signal: name, fact, and bits in its unit.
    """

    rates: ClassVar[tuple[str, ...]]
    further_metrics: ClassVar[tuple[str, ...]] = ()
    bits: ClassVar[tuple[str, Fact, float]]

    @abstractmethod
    def amounts(self, signal: Any) -> torch.Tensor:
        """Signal of each sample of a batch, in what the bits are divided by, ``[batch]``."""

    @abstractmethod
    def moved(self, sample: Sample, generator: np.random.Generator) -> torch.Tensor:
        """The signal of a training sample as it might as well have been."""

    def protocol(self, request: Request) -> Protocol:
        name, chosen = request.preset
        known = self._default_metrics()
        foreign = sorted(set(chosen.get("metrics") or {}) - set(known))
        if foreign:
            what = "looks at tokens and continuations" if self.further_metrics else "looks at tokens alone"
            raise BenchError(
                f"protocol {name}: {self.name} {what}, so it measures no {foreign[0]}; "
                f"beside the likelihood it has {', '.join(known)}"
            )
        protocol = super().protocol(request)
        return with_texts(protocol, request.prompts) if "backbone" in self.measures else protocol

    def for_system(self, protocol: Protocol, system: SystemSpec) -> Protocol:
        """A probe's choices are none of a published backbone's, nor the other way round."""
        foreign: Collection[str] = ConditionSettings.model_fields
        if isinstance(system, BackboneSpec):
            check_conditions(self, protocol, system)
            foreign = ("probe",)
        own = {name: choice for name, choice in protocol.settings.items() if name not in foreign}
        return protocol.model_copy(update={"settings": own})

    def _default_metrics(self) -> list[str]:
        return [*self.rates, *self.further_metrics]

    def admit(self, settings: Any, dataset: Dataset) -> None:
        check_probe(settings.probe)
        if settings.probe.conditions != "none":
            classes_told(settings.probe, dataset, dataset.training_split())

    def unmeasurable(self, job: Job) -> str:
        if isinstance(job.system, BackboneSpec):
            return ""
        try:
            trained_on(self._dataset(job))
        except BenchError as reason:
            return f"{job.system.text}: {reason}"
        return super().unmeasurable(job)

    def warnings(self, job: Job) -> list[str]:
        dataset = self._dataset(job)
        if isinstance(job.system, BackboneSpec) or dataset.settings.get("crop") != "none" or self.unmeasurable(job):
            return super().warnings(job)
        sizes = sorted(dataset.sizes() | trained_on(dataset).sizes())
        if len(sizes) < 2:
            return super().warnings(job)
        (width, height), (wide, high) = sizes[0], sizes[-1]
        return [
            *super().warnings(job),
            f"{job.system.text}: whole images of {len(sizes)} sizes, from {width}x{height} to {wide}x{high} pixels, in "
            "what is measured and what the probe is trained on; the cell fails unless its tokens are sequences: set "
            "preprocessing: {crop: center, size: 256}, or another size, in a --protocol file",
        ]

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        return ("transformers.models.llama.modeling_llama",) if "probe" in protocol.settings else ()

    def opened(self, job: Job, settings: ReconstructionSettings) -> Dataset:
        """The data set of a cell; BenchError if it changed."""
        spec = DatasetSpec.parse(job.protocol.dataset.name)
        dataset = open_dataset(spec, settings, job.data, job.protocol.dataset.limit)
        if dataset.fingerprint != job.protocol.dataset.fingerprint:
            raise BenchError(f"{dataset.name}: the data changed since the run was planned; run it again")
        return dataset

    def measure(self, job: Job, report: Report) -> Measurement:
        if isinstance(job.system, BackboneSpec):
            return measure_published(self, job, report)
        study = Study(self, job, report)
        backbones = study.probe.train(study.training.corpus)
        verdict = study.probe.verdict(backbones, study.training.corpus, study.evaluated.corpus)
        further = self.further(study, backbones)
        study.probe.finish()
        seen, corpus = study.evaluated.seen, study.evaluated.corpus
        likelihood = Likelihood(
            verdict.nats,
            corpus.counts.double().numpy(),
            np.array(study.evaluated.amounts),
            np.array(seen.groups),
            verdict.note,
            density=bool(corpus.structure.dim),
        )
        return Measurement(
            system=system_record(job, study.tokenizer, seen),
            codebooks=[CodebookRecord(**vars(book)) for book in study.tokenizer.codebooks],
            dataset=dataset_record(job.protocol, study.dataset, seen),
            metrics=study.metrics.estimates() | likelihood.estimates(*self.bits) | further,
            samples={
                "id": seen.ids,
                "group": seen.groups,
                **likelihood.columns(*self.bits),
                **study.columns,
            },
            warnings=list(dict.fromkeys([*seen.warnings(), *study.warnings])),
        )

    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        """What else a task asks the trained backbones."""
        return {}


def trained_on(dataset: Dataset) -> Dataset:
    """What a probe is trained on; BenchError if the data set has nothing for it."""
    found = dataset.training_split()
    if found is None or not len(found):
        raise BenchError(f"{dataset.name}/{dataset.split} has no split to train the probe on")
    return found


class Study:
    """A tokenizer, the tokens it makes of two splits, and the probe that is to learn them.

    Attributes:
        tokenizer: built, and fitted if it has to be.
        training, evaluated: the tokens of the fit split and of the evaluated one.
        metrics: of tokens, updated with the evaluated ones.
        columns: further values of each evaluated sample, by name, that a task has found.
        warnings: further sentences on what makes the numbers doubtful.
    """

    def __init__(self, task: ModellingTask, job: Job, report: Report) -> None:
        settings = task.choices(**job.protocol.settings)
        assert isinstance(settings, ModellingSettings)
        self.job, self.settings, self.report = job, settings, report
        self.columns: dict[str, list[float]] = {}
        self.warnings: list[str] = []
        self.device = torch.device(job.device)
        self.dataset = task.opened(job, settings)
        fit_split = trained_on(self.dataset)
        classes = classes_told(settings.probe, self.dataset, fit_split)
        self.fit_split = Spread(fit_split, settings.probe.fit_samples)
        report("preparing", 0, len(self.dataset))
        self.tokenizer = task.tokenizer(job, settings, self.dataset).to(self.device, getattr(torch, job.protocol.dtype))
        wanted = {name: section for name, section in settings.metrics.items() if name in task.rates}
        self.metrics = build_metrics(job, wanted, self.tokenizer.codebooks, self.device)
        views = Views(self.fit_split, task, settings.probe.views, job.protocol.seed)
        with watched(loaders=True):  # what is learned from decides the numbers, and no fingerprint states it
            self.training = Collected(task, self, views, len(classes), MetricSet(()), report)
        refuse_unlearned(classes, self.training.corpus.labels, self.fit_split)
        self.evaluated = Collected(task, self, self.dataset, len(classes), self.metrics, report)
        self.probe = Probe(settings.probe, job.protocol.seed, self.device, cell_key(job), report)


class Collected(Tokenized):
    """A data set's tokens, kept to be learned or judged by a probe."""

    def __init__(
        self,
        task: ModellingTask,
        study: Study,
        dataset: Dataset,
        classes: int,
        metrics: MetricSet,
        report: Report,
    ) -> None:
        super().__init__(study.job, dataset, task.signals(study.settings), task.amounts, metrics, report)
        tokenizer = study.tokenizer
        self.corpus = Corpus(tokenizer.codebooks, study.settings.probe.context, classes)

        def encoded(signal: Any, _: list[int]) -> tuple[Tokens, None]:
            tokens = tokenizer.encode(signal)
            tokens.require_some(tokenizer)
            return tokens, None

        for samples, tokens, _ in self.stream("tokenizing", tokenizer, tokenizer.equal_lengths, encoded):
            self.corpus.add(tokens, [sample.label for sample in samples])


class Views(Dataset):
    """Every sample several times: first as it is, then moved, each time otherwise, as the seed says."""

    def __init__(self, dataset: Dataset, task: ModellingTask, views: int, seed: int) -> None:
        super().__init__(dataset.settings, dataset.split, dataset.data)
        self.whole, self.task, self.views, self.seed = dataset, task, views, seed
        self.classes = dataset.classes
        self.name, self.modality = dataset.name, dataset.modality  # type: ignore[misc]

    def __len__(self) -> int:
        return self.views * len(self.whole)

    def load(self, index: int) -> Sample:
        view, of = divmod(index, len(self.whole))
        sample = self.whole.load(of)
        if not view:
            return sample
        return replace(sample, signal=self.task.moved(sample, np.random.default_rng([self.seed, of, view])))

    def id(self, index: int) -> str:
        return self.whole.id(index % len(self.whole))

    @cached_property
    def fingerprint(self) -> str:
        return self.whole.fingerprint
