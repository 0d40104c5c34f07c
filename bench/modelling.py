"""What the token-modelling tasks of all modalities share: tokens of two splits, a probe, and its verdict as rates."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from bench.backbones.base import Backbone
from bench.backbones.corpus import Corpus
from bench.conditions import classes_told, refuse_unlearned
from bench.datasets.base import Dataset, Limited, Sample
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError
from bench.evaluation import Loop, Seen, batches
from bench.metrics.base import Batch, Fact, Metric
from bench.probe import Probe, ProbeSettings, Verdict, exponential, per_unit
from bench.protocol import Protocol
from bench.reconstruction import (
    ReconstructionSettings,
    ReconstructionTask,
    build_metrics,
    dataset_record,
    open_dataset,
    system_record,
)
from bench.results import CodebookRecord
from bench.runner import cell_key
from bench.stats import Estimate
from bench.task import Job, Measurement, Report, Request
from bench.tokenizers.base import Tokenizer


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
    facts: ClassVar[dict[str, Fact]] = {
        # A token of one tokenizer is not a token of another, so neither is better for being lower.
        "nll": Fact("nat/token", None, (0, math.inf)),
        "token_perplexity": Fact("", None, (1, math.inf)),
    }

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
        return super().protocol(request)

    def _default_metrics(self) -> list[str]:
        return [*self.rates, *self.further_metrics]

    def admit(self, settings: Any, dataset: Dataset) -> None:
        if settings.probe.conditions != "none":
            classes_told(settings.probe, dataset, dataset.fit_split())

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        return ("transformers.models.llama.modeling_llama",)

    def measure(self, job: Job, report: Report) -> Measurement:
        study = Study(self, job, report)
        backbones = study.probe.train(study.training.corpus)
        verdict = study.probe.verdict(backbones, study.training.corpus, study.evaluated.corpus)
        further = self.further(study, backbones)
        study.probe.finish()
        seen = study.evaluated.seen
        name, _, unit = self.bits
        return Measurement(
            system=system_record(job, study.tokenizer, seen),
            codebooks=[CodebookRecord(**vars(book)) for book in study.tokenizer.codebooks],
            dataset=dataset_record(job.protocol, study.dataset, seen),
            metrics=study.estimates() | self._estimates(verdict, study.evaluated) | further,
            samples={
                "id": seen.ids,
                "group": seen.groups,
                "nll": list(verdict.nats.mean(0) / study.evaluated.corpus.counts.numpy()),
                **study.columns,
                f"{name}_total": list(verdict.nats.mean(0) / math.log(2) / unit),
                f"{name}_amount": study.evaluated.amounts,
            },
        )

    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        """What else a task asks the trained backbones."""
        return {}

    def _estimates(self, verdict: Verdict, evaluated: Tokenized) -> dict[str, Estimate]:
        groups = np.array(evaluated.seen.groups)
        nll = per_unit(verdict.nats, evaluated.corpus.counts.double().numpy(), groups)
        name, fact, unit = self.bits
        bits = per_unit(verdict.nats / math.log(2) / unit, np.array(evaluated.amounts), groups)
        facts = {**self.facts, name: fact}
        if evaluated.corpus.structure.dim:
            return _of_density(nll.model_copy(update={"note": verdict.note}), facts)
        found = {"nll": nll, "token_perplexity": exponential(nll), name: bits}
        return {
            key: estimate.model_copy(
                update={
                    "unit": facts[key].unit,
                    "higher_is_better": facts[key].higher_is_better,
                    "interval": estimate.interval
                    and (max(facts[key].bounds[0], estimate.interval[0]), estimate.interval[1]),
                    "note": verdict.note,
                }
            )
            for key, estimate in found.items()
        }


def _of_density(nll: Estimate, facts: dict[str, Fact]) -> dict[str, Estimate]:
    """The estimates for continuous tokens, whose likelihood is a density: it changes with the latents' scale."""
    reason = (
        "the likelihood of continuous tokens is a density, which has no {} until they are rounded; "
        "compare nll of one tokenizer's tokens, or choose a tokenizer with codebooks"
    )
    what = {"token_perplexity": "number of equally likely tokens"}
    found = {
        key: Estimate(
            value=None,
            unit=fact.unit,
            higher_is_better=fact.higher_is_better,
            unavailable=reason.format(what.get(key, "bits")),
        )
        for key, fact in facts.items()
    }
    note = f"density of the latents, depends on their scale: compare with the same tokenizer only; {nll.note}"
    return found | {"nll": nll.model_copy(update={"unit": facts["nll"].unit, "note": note})}


class Study:
    """A tokenizer, the tokens it makes of two splits, and the probe that is to learn them.

    Attributes:
        tokenizer: built, and fitted if it has to be.
        training, evaluated: the tokens of the fit split and of the evaluated one.
        metrics: of tokens, updated with the evaluated ones.
        columns: further values of each evaluated sample, by name, that a task has found.
    """

    def __init__(self, task: ModellingTask, job: Job, report: Report) -> None:
        settings = task.choices(**job.protocol.settings)
        assert isinstance(settings, ModellingSettings)
        self.job, self.settings, self.report = job, settings, report
        self.columns: dict[str, list[float]] = {}
        self.device = torch.device(job.device)
        spec = DatasetSpec.parse(job.protocol.dataset.name)
        self.dataset = open_dataset(spec, settings, job.data, job.protocol.dataset.limit)
        if self.dataset.fingerprint != job.protocol.dataset.fingerprint:
            raise BenchError(f"{self.dataset.name}: the data changed since the run was planned; run it again")
        fit_split = self.dataset.fit_split()
        if fit_split is None:
            raise BenchError(f"{self.dataset.name} has no split to train the probe on")
        classes = classes_told(settings.probe, self.dataset, fit_split)
        self.fit_split = Limited(fit_split, settings.probe.fit_samples)
        report("preparing", 0, len(self.dataset))
        self.tokenizer = task.tokenizer(job, settings, self.dataset).to(self.device, getattr(torch, job.protocol.dtype))
        wanted = {name: section for name, section in settings.metrics.items() if name in task.rates}
        self.metrics, self.unavailable = build_metrics(job, wanted, self.tokenizer.codebooks, self.device)
        views = Views(self.fit_split, task, settings.probe.views, job.protocol.seed)
        self.training = Tokenized(task, job, settings, self.tokenizer, views, len(classes), [], report)
        refuse_unlearned(classes, self.training.corpus.labels, self.fit_split)
        metrics = list(self.metrics.values())
        self.evaluated = Tokenized(task, job, settings, self.tokenizer, self.dataset, len(classes), metrics, report)
        self.probe = Probe(settings.probe, job.protocol.seed, self.device, cell_key(job), report)

    def estimates(self) -> dict[str, Estimate]:
        """What the metrics of tokens found, and why others could not be measured."""
        found = (metric.compute() for metric in self.metrics.values())
        return self.unavailable | {name: value for estimates in found for name, value in estimates.items()}


class Tokenized:
    """A data set's tokens, each sample's place in it and amount of signal, and what was seen on the way."""

    def __init__(
        self,
        task: ModellingTask,
        job: Job,
        settings: ModellingSettings,
        tokenizer: Tokenizer,
        dataset: Dataset,
        classes: int,
        metrics: Sequence[Metric],
        report: Report,
    ) -> None:
        self.corpus, self.seen = Corpus(tokenizer.codebooks, settings.probe.context, classes), Seen()
        self.indices: list[int] = []
        self.amounts: list[float] = []
        modality, device = task.signals(settings), torch.device(job.device)
        loop = Loop(modality, device, job.batch_size, job.workers, job.protocol.seed, report)
        for indices, samples in batches(dataset, loop, tokenizer.equal_lengths, self.seen):
            signal = modality.collate(samples, device)
            # What is made in inference mode could not be trained on.
            with torch.no_grad():
                tokens = tokenizer.encode(signal)
            self.corpus.add(tokens, [sample.label for sample in samples])
            self.seen.tokens = tokens.kind
            self.indices += indices
            self.amounts += task.amounts(signal).tolist()
            for sample in samples:
                self.seen.note(sample)
            group = torch.tensor([sample.group for sample in samples])
            for metric in metrics:
                metric.update(Batch(torch.tensor(indices), group, signal, signal, tokens))
            report("tokenizing", indices[-1] + 1, len(dataset))
        if not self.seen.ids:
            raise BenchError(f"none of the {len(dataset)} samples of {dataset.name} could be read")


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
