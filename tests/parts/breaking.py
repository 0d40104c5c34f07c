"""Metrics that fail, each in its own way; their values do not matter."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from bench.contracts.stats import Estimate
from bench.metrics.base import Batch, Metric, PerSampleMetric
from bench.modalities.audio.metrics.clips import ClipMetric
from bench.values import Value


class Works(PerSampleMetric):
    """Base of the others: zero for every sample, under the name of the class."""

    outputs: ClassVar[Mapping[str, Value]] = {"Works": Value("Works", unit="dB", higher_is_better=True)}
    modality = ""

    def __init_subclass__(cls) -> None:
        cls.outputs = {cls.__name__: Value(cls.__name__, unit="dB", higher_is_better=True)}

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {name: torch.zeros(len(batch.index)) for name in self.outputs}


class Init(Works):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ValueError("boom")


class To(Works):
    def to(self, *args: Any, **kwargs: Any) -> To:
        raise RuntimeError("boom")


class FirstBatch(Works):
    def update(self, batch: Batch) -> None:
        raise ValueError("boom")


class LaterBatch(Works):
    def update(self, batch: Batch) -> None:
        if self.indices:
            raise ValueError("boom \ud800")  # no UTF-8 can store that
        super().update(batch)


class Memory(Works):
    def update(self, batch: Batch) -> None:
        raise torch.OutOfMemoryError("boom")


class Exits(Works):
    def update(self, batch: Batch) -> None:
        sys.exit("boom")


class Compute(Works):
    def compute(self) -> dict[str, Estimate]:
        raise ZeroDivisionError("boom")


class NotANumber(Works):
    def compute(self) -> dict[str, Estimate]:
        return {"NotANumber": Estimate(value=float("nan"))}


class NoInterval(Works):
    def compute(self) -> dict[str, Estimate]:
        return {"NoInterval": Estimate(value=1.0, stderr=0.1, interval=(0.5, float("inf")))}


class Contradicts(Works):
    def compute(self) -> dict[str, Estimate]:
        return {"Contradicts": Estimate(value=1.0, stderr=0.1, interval=(2.0, 3.0))}


class NoReplicate(Works):
    def compute(self) -> dict[str, Estimate]:
        return {"NoReplicate": Estimate(value=1.0, replicates=(1.0, float("nan")), blocks=(1.0, 1.0))}


class Undeclared(Works):
    def compute(self) -> dict[str, Estimate]:
        return {"other": Estimate(value=1.0)}


class NotAnEstimate(Works):
    def compute(self) -> Any:
        return {"NotAnEstimate": 1.0}


class NotByName(Works):
    def compute(self) -> Any:
        return 1.0


class NoOutputs(Metric):
    """Does not declare its outputs."""

    def update(self, batch: Batch) -> None:
        raise ValueError("boom")

    def compute(self) -> dict[str, Estimate]:
        return {}


class Counted(Works):
    """Its value does not depend on ``samples``."""

    def compute(self) -> dict[str, Estimate]:
        return {name: Estimate(value=1.0) for name in self.outputs}


class Samples(Counted):
    def samples(self) -> dict[str, np.ndarray]:
        raise OSError("boom")


class TooFewSamples(Counted):
    def samples(self) -> dict[str, np.ndarray]:
        return {name: np.zeros(3) for name in self.outputs}


class OthersSamples(Counted):
    def samples(self) -> dict[str, np.ndarray]:
        return {"id": np.zeros(4)}


class DiesInPool(ClipMetric):
    """Its process ends on every clip, as after a crash in a C library."""

    outputs: ClassVar[Mapping[str, Value]] = {"DiesInPool": Value("DiesInPool", unit="dB", higher_is_better=True)}

    def __init_subclass__(cls) -> None:
        cls.outputs = {cls.__name__: Value(cls.__name__, unit="dB", higher_is_better=True)}

    @staticmethod
    def score_clip(settings: Any, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> dict[str, float]:
        os._exit(3)


class ExitsInPool(DiesInPool):
    @staticmethod
    def score_clip(settings: Any, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> dict[str, float]:
        sys.exit("boom")


class RaisesInPool(DiesInPool):
    @staticmethod
    def score_clip(settings: Any, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> dict[str, float]:
        raise ValueError("boom")
