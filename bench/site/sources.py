"""Results with the files they were read from, beside which their samples lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.contracts.results import KeptRecord, Result, read_result, read_samples
from bench.errors import BenchError
from bench.leaderboard.table import Row, Table, build
from bench.paired.samples import Beside, identity


@dataclass(frozen=True)
class Sources:
    """The tables of result files, and the file of each result by its identity."""

    tables: tuple[Table, ...]
    files: Mapping[tuple[str, str, str], Path] = field(default_factory=dict)

    def samples(self, row: Row) -> dict[str, list[Any]]:
        """Return the per-sample values of a row by column; empty if their file is not beside the result."""
        file = self.files[identity(row.result)]
        if not row.result.samples or not (file.parent / row.result.samples).is_file():
            return {}
        return read_samples(file, row.result)

    def kept(self, row: Row) -> list[tuple[KeptRecord, Path, Path]]:
        """Return the kept samples of a row whose files exist: record, original, reconstruction.

        Raises:
            BenchError: a path leads outside the folder of kept samples.
        """
        folder = self.files[identity(row.result)].parent
        samples = []
        for record in row.result.kept:
            paths = [_inside(folder, name) for name in (record.original, record.reconstruction)]
            if all(path.is_file() for path in paths):
                samples.append((record, paths[0], paths[1]))
        return samples


def read(files: Sequence[Path]) -> Sources:
    """Read result files and build their tables."""
    return gathered([(file, read_result(file)) for file in files])


def gathered(results: Sequence[tuple[Path, Result]]) -> Sources:
    """Build the tables of results that were read from these files."""
    beside = Beside.of(results)
    return Sources(tuple(build((result for _, result in results), beside)), beside.files)


def without_samples(source: tuple[Path, Result]) -> tuple[Path, Result] | None:
    """Return a result without references to files beside it; None if it has none."""
    file, result = source
    if not result.kept and result.samples is None:
        return None
    return file, result.model_copy(update={"kept": [], "samples": None})


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to((folder / "kept").resolve()):
        raise BenchError(
            f"{folder}: a result names the kept sample {name!r}, which is not in the folder kept beside it"
        )
    return path
