"""The task of token modeling: how likely held-out tokens are to a probe, or to a pretrained backbone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import numpy as np

from bench.backbones.base import Backbone
from bench.contracts.protocol import Protocol
from bench.contracts.results import CodebookRecord
from bench.contracts.stats import Estimate
from bench.contracts.system import BackboneSpec, SystemSpec
from bench.contracts.task import Job, Measurement, Report, Request
from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.learning.conditions import probe_classes
from bench.learning.likelihood import Likelihood
from bench.learning.pretrained_modeling import ConditionSettings, check_conditions, measure_pretrained, with_texts
from bench.learning.probe import check_probe
from bench.learning.study import ModelingSettings, Study, trained_on
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.records import dataset_record, system_record
from bench.values import Value


class Choices(ConditionSettings, ModelingSettings):
    """Every setting of the task, for probes and for pretrained backbones."""


class TokenModeling(DatasetTask):
    """Train a probe on the tokens of a data set's fit split, and measure the likelihood of the evaluated split's."""

    kind = "token-modelling"
    version = 1
    measures: ClassVar[tuple[str, ...]] = ("tokenizer", "backbone")
    base: ClassVar[type[DatasetSettings]] = Choices

    @property
    def rates(self) -> tuple[str, ...]:
        """The names of the metrics of tokens that are measured besides the likelihood."""
        return self.face.metrics["tokens"]

    @property
    def bits(self) -> tuple[Value, float]:
        """The line of the likelihood in bits per amount of signal, and the number of bits in its unit.

        Raises:
            BenchError: the modality does not state it.
        """
        bits = self.face.bits
        if bits is None:
            raise BenchError(f"modality {self.modality} does not state what bits are divided by")
        return bits.value, bits.per_unit

    def default_metrics(self) -> list[str]:
        return list(self.rates)

    def protocol(self, request: Request) -> Protocol:
        self.require_known_metrics(request, "looks only at tokens")
        protocol = super().protocol(request)
        return with_texts(protocol, request.options.prompts) if "backbone" in self.measures else protocol

    def require_known_metrics(self, request: Request, looks_at: str) -> None:
        """Require that a protocol names only default metrics.

        Args:
            looks_at: what the task looks at, for the message.

        Raises:
            BenchError: it names another metric.
        """
        name, chosen = request.preset
        defaults = self.default_metrics()
        if foreign := sorted(set(chosen.get("metrics") or {}) - set(defaults)):
            raise BenchError(
                f"protocol {name}: {self.name} {looks_at}, so it does not measure {foreign[0]}; "
                f"besides the likelihood it measures {', '.join(defaults)}"
            )

    def for_system(self, protocol: Protocol, system: SystemSpec) -> Protocol:
        """The protocol without the settings of probes for a pretrained backbone, and the other way round."""
        foreign: Collection[str] = ConditionSettings.model_fields
        if isinstance(system, BackboneSpec):
            check_conditions(self, protocol, system)
            foreign = ("probe",)
        settings = {name: choice for name, choice in protocol.settings.items() if name not in foreign}
        return protocol.model_copy(update={"settings": settings})

    def admit(self, settings: Any, dataset: Dataset) -> None:
        check_probe(settings.probe)
        if settings.probe.conditions != "none":
            probe_classes(settings.probe, dataset, dataset.training_split())

    def unmeasurable(self, job: Job) -> str:
        if isinstance(job.system, BackboneSpec):
            return ""
        try:
            trained_on(self.planned(job))
        except BenchError as reason:
            return f"{job.system.text}: {reason}"
        return super().unmeasurable(job)

    def warnings(self, job: Job) -> list[str]:
        dataset = self.planned(job)
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

    def measure(self, job: Job, report: Report) -> Measurement:
        if isinstance(job.system, BackboneSpec):
            return measure_pretrained(self, self.bits, job, report)
        study = Study(self, self.rates, job, report)
        self.check_tokens(study)
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

    def check_tokens(self, study: Study) -> None:
        """Raise BenchError if the task cannot measure such tokens; called before a probe is trained on them."""
        return

    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        """Further estimates, by value, that a task makes with the trained backbones."""
        return {}
