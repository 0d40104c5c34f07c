"""The task of the probe: the likelihood of tokens, and the quality of what models trained on them generate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from bench import registry
from bench.backbones.base import Backbone
from bench.contracts.protocol import Protocol
from bench.contracts.stats import Estimate
from bench.contracts.task import Job, Request
from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.learning.drawing import Drawing
from bench.learning.probe import ProbeSettings
from bench.learning.study import ModelingSettings, Study
from bench.measuring.dataset_task import DatasetSettings
from bench.metrics.base import ENCODES_ONLY
from bench.modalities.base import Modality
from bench.modalities.signal import Signal
from bench.tokenizers.base import Tokenizer

from .token_modelling import TokenModeling


class Choices(ModelingSettings):
    """Every setting of the task."""

    probe: ProbeSettings = ProbeSettings(repeats=3)


class Probe(TokenModeling):
    """Train probes on the tokens of one split; measure their likelihood on the other split, and what they generate."""

    kind = "ntp-probe"
    version = 1
    measures: ClassVar[tuple[str, ...]] = ("tokenizer",)
    base: ClassVar[type[DatasetSettings]] = Choices

    def __init__(self, name: str, modality: Modality) -> None:
        super().__init__(name, modality)
        self.drawing: Drawing = registry.load(modality.drawing)(self, self.rates)
        self.judges = self.drawing.judges

    def default_metrics(self) -> list[str]:
        return [*self.rates, *self.drawing.metrics]

    def signals(self, settings: Any) -> Signal:
        """The signals, finished for scoring where the modality reconstructs, unchanged where it does not."""
        finish = settings.reconstruction if callable(settings.reconstruction) else None
        signal: Signal = registry.load(self.face.signal)(finish)
        return signal

    def protocol(self, request: Request) -> Protocol:
        protocol = super().protocol(request)
        self.drawing.check(protocol)
        return protocol

    def require_known_metrics(self, request: Request, looks_at: str) -> None:
        if not self.drawing.takes_others:
            super().require_known_metrics(request, self.drawing.looks_at)

    def admit(self, settings: Any, dataset: Dataset) -> None:
        super().admit(settings, dataset)
        self.drawing.admit(settings, dataset)

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        return (*super().preload(protocol), *self.drawing.preload(protocol))

    def unmeasurable(self, job: Job) -> str:
        decodes = getattr(registry.load(job.system.entry.target), "decodes", True)
        return super().unmeasurable(job) or ("" if decodes else f"{job.system.text}: {self._cannot_draw}")

    def tokenizer(self, job: Job, settings: DatasetSettings, dataset: Dataset) -> Tokenizer:
        tokenizer = super().tokenizer(job, settings, dataset)
        if not tokenizer.decodes:
            raise BenchError(self._cannot_draw)
        return tokenizer

    @property
    def _cannot_draw(self) -> str:
        """Why a tokenizer that only encodes is not measured, and the remedy."""
        likelihood = self.name.replace(self.kind, TokenModeling.kind)
        return f"{ENCODES_ONLY}, so {self.name} cannot decode what probes draw; measure it under {likelihood}"

    def check_tokens(self, study: Study) -> None:
        self.drawing.check_tokens(study)

    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        return self.drawing.further(study, backbones)
