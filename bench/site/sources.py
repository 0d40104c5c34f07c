"""Results with the place they were read from, beside which their samples lie."""

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
    """The tables of result files, and what lies beside each result."""

    tables: tuple[Table, ...]
    files: Mapping[tuple[str, str, str], Path] = field(default_factory=dict)

    def samples(self, row: Row) -> dict[str, list[Any]]:
        """The per-sample values of a row by column; empty if the file with them was not copied along."""
        file = self.files[identity(row.result)]
        if not row.result.samples or not (file.parent / row.result.samples).is_file():
            return {}
        return read_samples(file, row.result)

    def kept(self, row: Row) -> list[tuple[KeptRecord, Path, Path]]:
        """The kept samples of a row whose files are there: record, original, reconstruction.

        Raises:
            BenchError: a path leads out of the folder of the result.
        """
        folder = self.files[identity(row.result)].parent
        found = []
        for record in row.result.kept:
            paths = [_inside(folder, name) for name in (record.original, record.reconstruction)]
            if all(path.is_file() for path in paths):
                found.append((record, paths[0], paths[1]))
        return found


def read(files: Sequence[Path]) -> Sources:
    """The tables of result files."""
    return gathered([(file, read_result(file)) for file in files])


def gathered(results: Sequence[tuple[Path, Result]]) -> Sources:
    """The tables of results that were read from these files."""
    beside = Beside.of(results)
    return Sources(tuple(build((result for _, result in results), beside)), beside.files)


def without_samples(source: tuple[Path, Result]) -> tuple[Path, Result] | None:
    """A result that names nothing beside it; None if it names nothing anyway."""
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
