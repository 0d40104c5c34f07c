"""Consistency of results with their samples, so that no edit or incomplete copy is taken for a measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.contracts.results import Result
from bench.errors import BenchError
from bench.paired.parts import agree, parts

REMEDY = "measure it again, or restore both files"
PLAIN = ("mean", "the same for every sample")
"""Beginnings of the methods of metrics whose value is the mean of their column; others weight it or take no mean."""


def check_result(file: Path, result: Result) -> None:
    """Check that a result's protocol was not edited.

    Raises:
        BenchError: its fingerprint does not match its protocol; the message names the file.
    """
    if result.fingerprint != result.protocol.fingerprint:
        raise BenchError(
            f"{file}: its fingerprint is not that of its protocol, so it was edited; restore it or measure again"
        )


def check_samples(file: Path, result: Result, samples: Mapping[str, Sequence[Any]]) -> None:
    """Check that per-sample values are those that the result was computed from.

    Raises:
        BenchError: they are not; the message names the table, the metric and both numbers.
    """
    if result.samples is None:
        return
    table = file.parent / result.samples
    for name in ("id", "group"):
        if name not in samples:
            raise BenchError(f"{table}: no column {name!r}; {REMEDY}")
    if result.dataset is not None and len(samples["id"]) != result.dataset.n:
        raise BenchError(f"{table}: {len(samples['id'])} samples, but {file.name} says {result.dataset.n}; {REMEDY}")
    for name, estimate in result.metrics.items():
        if estimate.value is None or estimate.device_bound:
            continue
        try:
            kept = parts(samples, name)
        except (TypeError, ValueError) as error:
            raise BenchError(f"{table}: {name}: not numbers: {error}; {REMEDY}") from error
        if kept is None:
            continue
        counted = kept.values[np.isfinite(kept.values).all(1)]
        if len(counted) < estimate.n:
            raise BenchError(
                f"{table}: {name} has a value on {len(counted)} samples, but {file.name} says {estimate.n}; {REMEDY}"
            )
        exact = kept.ratio or estimate.method.startswith(PLAIN)
        if exact and len(counted) and not agree(counted, estimate.value):
            statistic = "ratio of sums" if kept.ratio else "mean"
            with np.errstate(divide="ignore", invalid="ignore"):
                again = counted[:, 0].sum() / counted[:, 1].sum()
            raise BenchError(
                f"{table}: the {statistic} of {name} is {again:.9g}, "
                f"but {file.name} says {estimate.value:.9g}; {REMEDY}"
            )
