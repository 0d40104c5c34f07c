"""Per-sample values that lie beside result files, for many results at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.contracts.results import Result, read_samples
from bench.errors import BenchError
from bench.paired.parts import RATIOS

Columns = Mapping[str, Any]
"""Per-sample values by column: ``id``, ``group`` and those of metrics, each ``[n]``."""
Lookup = Callable[[Result], Columns]
"""Finds the per-sample values of a result; empty if it has none that can be read."""


def no_samples(result: Result) -> Columns:
    """Return no per-sample values, for results without files."""
    return {}


def identity(result: Result) -> tuple[str, str, str]:
    """Return what identifies a result and is the same in its copies: key, status and time of finishing."""
    return result.key, result.status, result.finished


@dataclass(frozen=True)
class Beside:
    """Finds the per-sample values beside result files.

    A table is worth showing without them, so a file that is gone or damaged counts as none; ``bench check`` names it.

    Attributes:
        files: result files by the identity of their results.
    """

    files: Mapping[tuple[str, str, str], Path]

    @classmethod
    def of(cls, results: Iterable[tuple[Path, Result]]) -> Beside:
        """Return a finder of the per-sample values beside these result files."""
        return cls({identity(result): file for file, result in results})

    def __call__(self, result: Result) -> Columns:
        file = self.files.get(identity(result))
        if file is None or result.samples is None or not (file.parent / result.samples).is_file():
            return {}
        try:
            if Path(result.samples).suffix == ".csv":
                return read_samples(file, result)
            return _numbers(file.parent / result.samples, _wanted(result))
        except (BenchError, OSError, ValueError):  # pyarrow's errors are ValueErrors
            return {}


def _wanted(result: Result) -> set[str]:
    """Columns that comparisons need: those of metrics with a better direction."""
    metrics = [name for name, estimate in result.metrics.items() if estimate.higher_is_better is not None]
    endings = [ending for pair in RATIOS for ending in pair]
    return {"id", "group", *metrics, *(name + ending for name in metrics for ending in endings)}


def _numbers(table: Path, wanted: set[str]) -> dict[str, Any]:
    import pyarrow.parquet as parquet  # a tenth of a second that most commands do not need

    with parquet.ParquetFile(table) as file:
        names = [name for name in file.schema_arrow.names if name in wanted]
        read = file.read(columns=names, use_threads=False)
    columns: dict[str, Any] = {name: read.column(name).to_numpy() for name in names if name != "id"}
    if "id" in names:
        columns["id"] = read.column("id").to_pylist()
    return {name: np.asarray(values) if name != "id" else values for name, values in columns.items()}
