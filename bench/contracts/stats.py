"""Estimates with error bars: means over clustered samples and the delete-a-block jackknife."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from bench.errors import with_remedy
from bench.machine.texts import plain
from bench.values import Value

CONFIDENCE = 0.95
MAX_BLOCKS = 20


class Estimate(BaseModel):
    """One value with its uncertainty, or the reason why there is none."""

    model_config = ConfigDict(extra="forbid")

    value: float | None = Field(description="the estimate; null where unavailable says why")
    stderr: float | None = Field(default=None, description="standard error of the value")
    interval: tuple[float, float] | None = Field(default=None, description="95% confidence interval")
    unit: str = Field(default="", description="unit of value, stderr and interval; empty if dimensionless")
    n: int = Field(default=0, ge=0, description="samples the value rests on")
    failures: int = Field(default=0, ge=0, description="samples on which the metric is undefined; not in n")
    higher_is_better: bool | None = Field(default=None, description="direction; null where neither is better")
    device_bound: bool = Field(default=False, description="whether it compares on one device only")
    method: str = Field(default="", description="how stderr and interval were obtained")
    replicates: tuple[float, ...] | None = Field(
        default=None, description="the value without each block of samples, where the error is from a jackknife"
    )
    blocks: tuple[float, ...] | None = Field(
        default=None, description="size of each of those blocks: samples, or for a ratio what it is divided by"
    )
    note: str = Field(default="", description="what a reader must know to use the value")
    metric: str = Field(
        default="", description="the metric of the protocol that gave it, or that it was made of; empty: the task"
    )
    unavailable: str | None = Field(default=None, description="why there is no value")
    remedy: str = Field(default="", description="what helps where there is no value; empty if unknown")
    broken: bool = Field(
        default=False, description="whether there is no value because the metric failed; the next run measures it again"
    )

    @field_validator("unit", "method", "note", "metric", "unavailable", "remedy", mode="after")
    @classmethod
    def _plain_texts(cls, text: str | None) -> str | None:
        return None if text is None else plain(text)

    def described_by(self, line: Value, note: str = "") -> Estimate:
        """This estimate with the unit and direction of a value's line, and with the note if one is given.

        The interval is cut off at the line's bounds, since a symmetric one may extend beyond them.
        """
        facts: dict[str, Any] = {
            "unit": line.unit,
            "higher_is_better": line.higher_is_better,
            "device_bound": line.device_bound,
        }
        if self.interval is not None:
            low, high = (min(max(end, line.bounds[0]), line.bounds[1]) for end in self.interval)
            facts["interval"] = (low, high)
        return self.model_copy(update={**facts, "note": note or self.note})

    @property
    def lacking(self) -> str:
        """Why there is no value, and what helps, as one text for people; empty if unknown."""
        return with_remedy(self.unavailable or "", self.remedy)


@lru_cache(maxsize=256)
def student_quantile(degrees: float) -> float:
    """Two-sided 95% quantile of Student's t with the given degrees of freedom, which need not be a whole number."""
    from scipy.special import stdtrit  # what scipy.stats.t.ppf calls; scipy.stats takes a second to import

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))


def interval_around(value: float, stderr: float, degrees: int) -> tuple[float, float]:
    """95% interval ``value ± t·stderr``, as its two ends, with Student's t at the given degrees of freedom."""
    half = student_quantile(degrees) * stderr
    return value - half, value + half


def clustered_mean(values: Sequence[float] | np.ndarray, groups: Sequence[int] | np.ndarray) -> Estimate:
    """Mean of the finite values with a cluster-robust 95% interval.

    Crops of one photograph are not independent samples, so the residuals are summed within each
    group before they are squared: SE² = G/(G-1) · Σ_g (Σ_{i∈g} (x_i - mean))² / n², with Student's t
    at G-1 degrees of freedom (Liang & Zeger 1986; Cameron & Miller 2015, eq. 7). With one sample per
    group it is s/√n. Values that are not finite count as failures.

    Args:
        values: one value per sample, ``[n]``.
        groups: the group of each sample, ``[n]``.

    Returns:
        The estimate, without a value if none is finite, and without an interval if there is one group.
    """
    array, labels = np.asarray(values, np.float64), np.asarray(groups)
    finite = np.isfinite(array)
    failures = int((~finite).sum())
    array, labels = array[finite], labels[finite]
    if array.size == 0:
        reason = "undefined on every sample" if failures else "no samples"
        return Estimate(value=None, failures=failures, unavailable=reason)
    mean = float(array.mean())
    _, inverse = np.unique(labels, return_inverse=True)
    count = int(inverse.max()) + 1
    estimate = Estimate(value=mean, n=array.size, failures=failures)
    if count < 2:
        return estimate.model_copy(update={"method": "no interval: a single group of samples"})
    sums = np.bincount(inverse, weights=array - mean)
    stderr = math.sqrt(count / (count - 1) * float((sums**2).sum())) / array.size
    method = "mean, t" if count == array.size else f"mean, cluster-robust t over {count} groups"
    return estimate.model_copy(
        update={"stderr": stderr, "interval": interval_around(mean, stderr, count - 1), "method": method}
    )


def assign_blocks(groups: np.ndarray, blocks: int = MAX_BLOCKS) -> np.ndarray:
    """The block of each sample for the jackknife, ``[n]``: whole groups, assigned in turn to at most ``blocks`` blocks.

    It depends only on the groups ``[n]``, never on the batch size or the order of arrival.
    """
    labels, inverse = np.unique(np.asarray(groups), return_inverse=True)
    return inverse % min(blocks, len(labels))


def block_jackknife(value: float, sizes: Sequence[int] | np.ndarray, leave_out: Callable[[int], float]) -> Estimate:
    """An estimate of a set-level statistic whose error is from deleting one block of samples at a time.

    Blocks may be of unequal size (delete-m_j jackknife: Busing, Meijer & van der Leeden 1999,
    eq. 8): with h_j = n/m_j and pseudo-values τ_j = h_j·θ - (h_j - 1)·θ_(j),
    SE² = (1/g) Σ (τ_j - θ_J)² / (h_j - 1), θ_J their weighted mean Σ τ_j / h_j. The interval is
    centered on the value itself, because that is what the trusted implementation reports.

    The estimate keeps the replicates and the sizes of the blocks, so that the difference of two systems on the same
    blocks can be jackknifed later: its replicates are the differences of theirs.

    Args:
        value: the statistic on all samples.
        sizes: number of samples of each block.
        leave_out: the statistic without block ``j``.
    """
    counts = np.asarray(sizes, np.float64)
    total = int(counts.sum())
    if len(counts) < 2:
        return Estimate(value=value, n=total, method="no interval: a single group of samples")
    ratio = counts.sum() / counts
    # τ_j - θ rather than τ_j, so that a statistic no block changes has a standard error of exactly 0.
    replicates = np.array([leave_out(j) for j in range(len(counts))], np.float64)
    offset = (ratio - 1) * (value - replicates)
    center = float((offset / ratio).sum())
    stderr = math.sqrt(float(((offset - center) ** 2 / (ratio - 1)).mean()))
    return Estimate(
        value=value,
        stderr=stderr,
        interval=interval_around(value, stderr, len(counts) - 1),
        n=total,
        method=f"delete-a-block jackknife, {len(counts)} blocks, t",
        replicates=tuple(replicates.tolist()),
        blocks=tuple(counts.tolist()),
    )
