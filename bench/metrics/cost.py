"""Throughput and memory of encoding and decoding; comparable only on one device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.contracts.stats import Estimate, block_jackknife
from bench.metrics.base import TIMING, Batch, Metric

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
