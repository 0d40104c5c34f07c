"""Throughput and memory of encoding and decoding; comparable only on one device."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pydantic import Field

from bench.contracts.stats import Estimate, block_jackknife, interval_around
from bench.metrics.base import TIMED_BATCHES, TIMING, Batch, Metric, Settings

MEBIBYTE = 2**20
ONE_PASS = "one pass, no interval"
UNTOLD = "this operating system does not report the peak memory of a process"


class PeakMemory(Metric, line="peak_memory"):
    """Peak memory in MiB while encoding and decoding, weights included, above that of the process before loading."""

    needs = TIMING
    peak: torch.Tensor
    known: torch.Tensor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_state("peak", default=torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="max")
        self.add_state("known", default=torch.tensor(1), dist_reduce_fx="min")

    def update(self, batch: Batch) -> None:
        self.remember(batch)
        if batch.peak_bytes is None:
            self.known = torch.zeros_like(self.known)
        else:
            self.peak = self.peak.clamp(min=float(batch.peak_bytes))

    def compute(self) -> dict[str, Estimate]:
        if not bool(self.known):
            return {"peak_memory": self.unavailable("peak_memory", UNTOLD)}
        estimate = Estimate(value=float(self.peak) / MEBIBYTE, n=len(self.stacked("indices")), method=ONE_PASS)
        return {"peak_memory": self.describe("peak_memory", estimate)}


class TimedSettings(Settings):
    """Settings of speeds."""

    timed_batches: int = Field(
        default=TIMED_BATCHES,
        ge=1,
        description="batches that are timed, evenly spread; all if there are fewer",
    )


class Timed(Metric):
    """A metric of the seconds that timed batches took to encode and to decode.

    The loop synchronizes the device at both ends of each. Of several processes that measure a cell together, each has
    its own speeds beside the total: suffix ``_rank_0`` and on.
    """

    needs = TIMING
    Settings = TimedSettings
    timings: list[torch.Tensor]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_state("timings", default=[], dist_reduce_fx="cat")

    @abstractmethod
    def amounts(self, batch: Batch) -> list[float]:
        """The amounts of a batch that the seconds are compared with."""

    def update(self, batch: Batch) -> None:
        self.remember(batch)
        if batch.timed:
            row = [batch.rank, *self.amounts(batch), batch.encode_seconds, batch.decode_seconds]
            self.keep("timings", torch.tensor([row], dtype=torch.float64))

    def compute(self) -> dict[str, Estimate]:
        table = self.stacked("timings")
        if not len(table):
            return {name: self.unavailable(name, "no batch was timed") for name in self.outputs}
        whole = self.speeds(*table[:, 1:].T)
        ranks = np.unique(table[:, 0])
        if len(ranks) == 1:
            return whole
        each = [self.speeds(*table[table[:, 0] == rank, 1:].T) for rank in ranks]
        details = {
            f"{name}_rank_{int(rank)}": estimate
            for rank, of_rank in zip(ranks, each, strict=True)
            for name, estimate in of_rank.items()
        }
        degrees = len(table) - len(ranks)
        totals = {name: self.at_once(name, one, [of[name] for of in each], degrees) for name, one in whole.items()}
        return totals | details

    @abstractmethod
    def speeds(self, *columns: np.ndarray) -> dict[str, Estimate]:
        """The estimates of one process by name: from its amounts and the seconds to encode and to decode ``[batches]``.

        Each is a float64 array.
        """

    def at_once(self, name: str, whole: Estimate, each: Sequence[Estimate], degrees: int) -> Estimate:
        """The speed of all processes, which ran at the same time.

        Args:
            whole: what it would be if their batches had been measured one after the other.
            each: the speeds of the processes.
            degrees: degrees of freedom of their errors together.
        """
        rates = [estimate.value for estimate in each if estimate.value]
        errors = [estimate.stderr for estimate in each if estimate.stderr is not None]
        if len(rates) < len(each):
            return whole
        total, stderr = sum(rates), float(np.linalg.norm(errors)) if len(errors) == len(each) else None
        interval = None if stderr is None else interval_around(total, stderr, degrees)
        method = f"sum of {len(rates)} processes that ran at once"
        return self.describe(name, Estimate(value=total, stderr=stderr, interval=interval, n=whole.n, method=method))


def total_rate(amounts: np.ndarray, seconds: np.ndarray) -> Estimate:
    """Σ amounts / Σ seconds over batches ``[batches]``; the interval shows how steady this run was."""
    return _over_batches(amounts, seconds, amounts)


def total_time(seconds: np.ndarray, amounts: np.ndarray) -> Estimate:
    """Σ seconds / Σ amounts over batches ``[batches]``; the interval shows how steady this run was."""
    return _over_batches(seconds, amounts, amounts)


def _over_batches(over: np.ndarray, under: np.ndarray, sizes: np.ndarray) -> Estimate:
    rates = (over.sum() - over) / np.maximum(under.sum() - under, 1e-12)
    estimate = block_jackknife(float(over.sum() / under.sum()), sizes, lambda j: float(rates[j]))
    if estimate.stderr is None:
        return estimate
    method = f"spread over {len(sizes)} batches of this run; another load of the machine is not in it"
    return estimate.model_copy(update={"method": method})
