"""What trained probes are asked to draw, and how it is judged: a modality's part of the task ``ntp-probe``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from bench.backbones.base import Backbone
from bench.contracts.protocol import Protocol
from bench.contracts.stats import Estimate
from bench.datasets.base import Dataset
from bench.learning.study import Study
from bench.measuring.dataset_task import DatasetTask


class Drawing(ABC):
    """Draws from trained probes and judges what they drew.

    Attributes:
        metrics: measured by default, beside those of tokens.
        judges: what the metrics that it takes may judge, as their registry lines say.
        takes_others: whether a protocol may name other metrics than the default ones.
        looks_at: what the task looks at, for the message of a metric that it does not take.
    """

    metrics: ClassVar[tuple[str, ...]]
    judges: ClassVar[tuple[str, ...]] = ("reconstruction",)
    takes_others: ClassVar[bool] = False
    looks_at: ClassVar[str] = "looks at tokens and at what is drawn"

    def __init__(self, task: DatasetTask, rates: Sequence[str]) -> None:
        self.task, self.rates = task, tuple(rates)

    def check(self, protocol: Protocol) -> None:
        """BenchError if what a protocol names does not fit together."""
        return

    def admit(self, settings: Any, dataset: Dataset) -> None:
        """BenchError if these settings cannot be met on this data set."""
        return

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        """Modules that judging takes long to import."""
        return ()

    @abstractmethod
    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        """The values of what one backbone per training drew; columns of samples and warnings go into the study."""
