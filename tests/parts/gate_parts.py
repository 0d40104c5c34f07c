"""Runs made by hand: per-sample values and set-level statistics of them, written and read as those of `bench run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.contracts.protocol import DatasetProtocol, MetricProtocol, Protocol
from bench.contracts.results import Cost, DatasetRecord, ErrorRecord, Result, Run, SystemRecord
from bench.contracts.stats import Estimate, assign_blocks, block_jackknife, clustered_mean

SIZES = (4, 4, 4, 2, 4, 1, 4, 4)
"""Number of samples per group, as in the default data set: few groups of unequal size."""
GROUPS = np.repeat(np.arange(len(SIZES)), SIZES)
FACTS: dict[str, dict[str, Any]] = {
    "psnr": {"unit": "dB", "higher_is_better": True},
    "lpips_alex": {"higher_is_better": False},
    "wer": {"higher_is_better": False},
    "rfid": {"higher_is_better": False},
    "tokens_per_image": {"unit": "tokens"},
    "encode_images_per_second": {"unit": "img/s", "higher_is_better": True, "device_bound": True},
    "peak_memory": {"unit": "MiB", "higher_is_better": False, "device_bound": True},
}


def values(seed: int = 0, mean: float = 25.0, groups: np.ndarray = GROUPS) -> np.ndarray:
    """Draw per-sample values that differ much more between groups than within one."""
    rng = np.random.default_rng(seed)
    return np.asarray(mean + 4 * rng.normal(size=groups.max() + 1)[groups] + rng.normal(size=len(groups)))


def mean_of(values: np.ndarray, metric: str, groups: np.ndarray = GROUPS) -> Estimate:
    """Return the estimate of a per-sample metric."""
    return clustered_mean(values, groups).model_copy(update=FACTS[metric])


def spread_of(values: np.ndarray, metric: str, groups: np.ndarray = GROUPS) -> Estimate:
    """Return the estimate of a set-level metric: the variance of the set, jackknifed."""
    block = assign_blocks(groups)
    estimate = block_jackknife(values.var(), np.bincount(block), lambda j: float(values[block != j].var()))
    return estimate.model_copy(update=FACTS[metric])


def exactly(value: float | None, metric: str, **fields: Any) -> Estimate:
    """Return an estimate without error."""
    return Estimate(value=value, **FACTS[metric], **fields)


def protocol(**changes: Any) -> Protocol:
    data = DatasetProtocol(name="photos", split="test", fingerprint="f", n=changes.pop("n", len(GROUPS)))
    fields = {"preset": "default", "task": "image-recon", "task_version": 1, "dataset": data}
    measured = {"psnr": MetricProtocol(version=1)}
    return Protocol(**{**fields, "settings": {"crop": 256}, "metrics": measured, **changes})


def write(
    folder: Path,
    name: str = "a",
    metrics: Mapping[str, Estimate] | None = None,
    samples: Mapping[str, Any] | None = None,
    under: Protocol | None = None,
    **fields: Any,
) -> Path:
    """Add one result to a run, and return the run's folder."""
    under = under or protocol()
    columns = {key: list(column) for key, column in (samples or {}).items()}
    if columns:
        n = len(next(iter(columns.values())))
        columns = {"id": [f"s{i}" for i in range(n)], "group": GROUPS[:n].tolist()} | columns
    count = len(columns["id"]) if columns else len(GROUPS)
    dataset = {"name": "photos", "split": "test", "fingerprint": "f", "n": count, "groups": len(SIZES)}
    cost = {"device": fields.pop("device", "cpu"), "batch_size": 8, "workers": 1, "wall_seconds": 1.0}
    cost["hardware"] = fields.pop("hardware", {"model": "207", "bogomips": 4200.0})
    error = fields.pop("error", None)
    made: dict[str, Any] = {
        "key": name,
        "suite": "s",
        "status": "failed" if error else "ok",
        "system": SystemRecord(name=name, entry=name, target="m:A"),
        "protocol": under,
        "fingerprint": under.fingerprint,
        "dataset": DatasetRecord(**(dataset | fields.pop("dataset", {}))),
        "metrics": dict(metrics or {}),
        "cost": Cost(**cost),
        "environment": {},
        "started": "2026-01-01T00:00:00.000+00:00",
        "finished": "2026-01-01T00:00:01.000+00:00",
        "errors": [ErrorRecord(type="E", message=error)] if error else [],
    }
    run = Run(folder)
    run.write(run.file_of(name, under), Result(**(made | fields)), columns or None)
    return folder
