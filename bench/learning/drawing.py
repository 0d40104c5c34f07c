"""Generation by trained probes and its metrics: a modality's part of the task ``ntp-probe``."""

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
    """Draws samples from trained probes and measures them.

    Args:
        task: the task that it is a part of.
        rates: names of the metrics of tokens.

    Attributes:
        metrics: names of the metrics measured by default, besides those of tokens.
        judges: what the metrics that it takes may judge, as their registry lines state.
        takes_others: whether a protocol may name metrics other than the default ones.
        looks_at: what the task looks at, for the message of a metric that it does not take.
    """

    metrics: ClassVar[tuple[str, ...]]
    judges: ClassVar[tuple[str, ...]] = ("reconstruction",)
    takes_others: ClassVar[bool] = False
    looks_at: ClassVar[str] = "looks at tokens and at what is drawn"

    def __init__(self, task: DatasetTask, rates: Sequence[str]) -> None:
        self.task, self.rates = task, tuple(rates)

    def check(self, protocol: Protocol) -> None:
        """Raise BenchError if the settings of a protocol do not fit together."""
        return

    def admit(self, settings: Any, dataset: Dataset) -> None:
        """Raise BenchError if these settings do not fit this data set."""
        return

    def check_tokens(self, study: Study) -> None:
        """Raise BenchError if what is drawn of such tokens could not be decoded; called before a probe is trained."""
        return

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        """Names of modules that take long to import and are needed to measure what was drawn."""
        return ()

    @abstractmethod
    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        """The estimates, by value, for what the backbones, one per training, drew.

        Further columns of samples, and warnings, are added to the study.
        """
