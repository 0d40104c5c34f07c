"""The study of a tokenizer: its tokens of two splits of a data set, and the probe that learns them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from bench.backbones.corpus import Corpus
from bench.contracts.task import Job, Report
from bench.contracts.tokens import Tokens
from bench.datasets.base import Dataset, Sample, Spread
from bench.errors import BenchError
from bench.learning.conditions import probe_classes, require_learned_classes
from bench.learning.probe import Probe, ProbeSettings
from bench.learning.tokenized import Tokenized
from bench.machine.watch import watched
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.keys import cell_key
from bench.measuring.metric_sets import build_metrics
from bench.metrics.guarded import MetricSet
from bench.modalities.signal import Signal


class NoReconstruction(BaseModel):
    """Settings of the reconstruction of tasks that reconstruct nothing: there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelingSettings(DatasetSettings):
    """The settings of tasks on tokens."""

    reconstruction: NoReconstruction = NoReconstruction()
    probe: ProbeSettings = ProbeSettings()


def trained_on(dataset: Dataset) -> Dataset:
    """The split that a probe is trained on.

    Raises:
        BenchError: the data set has none, or it is empty.
    """
    split = dataset.training_split()
    if split is None or not len(split):
        raise BenchError(f"{dataset.name}/{dataset.split} has no split to train the probe on; choose another --dataset")
    return split


class Study:
    """A tokenizer, its tokens of two splits, and the probe that learns them.

    Args:
        task: opens the data set and builds the tokenizer.
        rates: names of the metrics of tokens that are measured besides the likelihood.

    Attributes:
        tokenizer: the tokenizer, fitted if it has to be.
        training: the tokens of the fit split.
        evaluated: the tokens of the evaluated split.
        metrics: the metrics of tokens, updated with the evaluated ones.
        columns: further values of each evaluated sample, by name, that a task adds.
        warnings: further sentences on what makes the numbers doubtful.
    """

    def __init__(self, task: DatasetTask, rates: Collection[str], job: Job, report: Report) -> None:
        settings = task.choices(**job.protocol.settings)
        assert isinstance(settings, ModelingSettings)
        self.job, self.settings, self.report = job, settings, report
        self.columns: dict[str, list[float]] = {}
        self.warnings: list[str] = []
        self.device = torch.device(job.options.device)
        self.dataset = task.opened(job, settings)
        fit_split = trained_on(self.dataset)
        classes = probe_classes(settings.probe, self.dataset, fit_split)
        self.fit_split = Spread(fit_split, settings.probe.fit_samples)
        report("preparing", 0, len(self.dataset))
        self.tokenizer = task.tokenizer(job, settings, self.dataset).to(self.device, getattr(torch, job.protocol.dtype))
        wanted = {name: section for name, section in job.protocol.sections.items() if name in rates}
        self.metrics = build_metrics(job, wanted, self.tokenizer.codebooks, self.device)
        views = Views(self.fit_split, task.signals(settings), settings.probe.views, job.protocol.seed)
        with watched(loaders=True):  # these samples decide the numbers, and no fingerprint covers them
            self.training = Collected(task, self, views, len(classes), MetricSet(()), report)
        require_learned_classes(classes, self.training.corpus.labels, self.fit_split)
        self.evaluated = Collected(task, self, self.dataset, len(classes), self.metrics, report)
        self.probe = Probe(settings.probe, job.protocol.seed, self.device, cell_key(job), report)


class Collected(Tokenized):
    """The tokens of a data set, kept for a probe to learn or to be evaluated on."""

    def __init__(
        self,
        task: DatasetTask,
        study: Study,
        dataset: Dataset,
        classes: int,
        metrics: MetricSet,
        report: Report,
    ) -> None:
        super().__init__(study.job, dataset, task.signals(study.settings), metrics, report)
        tokenizer = study.tokenizer
        self.corpus = Corpus(tokenizer.codebooks, study.settings.probe.context, classes)

        def encoded(signal: Any, _: list[int]) -> tuple[Tokens, None]:
            tokens = tokenizer.encode(signal)
            tokens.require_some(tokenizer)
            return tokens, None

        for samples, tokens, _ in self.stream("tokenizing", tokenizer, tokenizer.equal_lengths, encoded):
            self.corpus.add(tokens, [sample.label for sample in samples])


class Views(Dataset):
    """A data set with every sample several times: first unchanged, then moved, each time differently by the seed."""

    def __init__(self, dataset: Dataset, signals: Signal, views: int, seed: int) -> None:
        super().__init__(dataset.settings, dataset.split, dataset.data)
        self.whole, self.signals, self.views, self.seed = dataset, signals, views, seed
        self.classes = dataset.classes
        self.name, self.modality = dataset.name, dataset.modality  # type: ignore[misc]

    def __len__(self) -> int:
        return self.views * len(self.whole)

    def load(self, index: int) -> Sample:
        view, of = divmod(index, len(self.whole))
        sample = self.whole.load(of)
        if not view:
            return sample
        return replace(sample, signal=self.signals.moved(sample, np.random.default_rng([self.seed, of, view])))

    def id(self, index: int) -> str:
        return self.whole.id(index % len(self.whole))

    @cached_property
    def fingerprint(self) -> str:
        return self.whole.fingerprint
