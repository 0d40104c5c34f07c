"""Results with the place they were read from, beside which their samples lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.leaderboard.table import Row, Table, build
from bench.results import KeptRecord, Result, read_result, read_samples

SUFFIXES = (".png", ".wav")
FileResult = tuple[Path, Result]


@dataclass(frozen=True)
class Sources:
    """The tables of result files, and what lies beside each result."""

    tables: tuple[Table, ...]
    files: dict[tuple[str, str, str], Path] = field(default_factory=dict)

    def samples(self, row: Row) -> dict[str, list[Any]]:
        """The per-sample values of a row by column; empty if the file with them was not copied along."""
        file = self.files[_identity(row.result)]
        if not row.result.samples or not (file.parent / row.result.samples).is_file():
            return {}
        return read_samples(file, row.result)

    def kept(self, row: Row) -> list[tuple[KeptRecord, Path, Path]]:
        """The kept samples of a row whose files are there: record, original, reconstruction.

        Raises:
            BenchError: a path leads out of the folder of the result, or to another kind of file.
        """
        folder = self.files[_identity(row.result)].parent
        found = []
        for record in row.result.kept:
            paths = [_inside(folder, name) for name in (record.original, record.reconstruction)]
            if all(path.is_file() for path in paths):
                found.append((record, paths[0], paths[1]))
        return found


def read(files: Sequence[Path], chosen: Callable[[list[FileResult]], list[FileResult]] = list) -> Sources:
    """The tables of result files, or of those of them that are chosen."""
    results = chosen([(file, read_result(file)) for file in files])
    return Sources(tuple(build(result for _, result in results)), {_identity(result): file for file, result in results})


def _identity(result: Result) -> tuple[str, str, str]:
    return result.key, result.status, result.finished


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix not in SUFFIXES:
        raise BenchError(f"{folder}: a result names the kept sample {name!r}, which is no PNG or WAV file beside it")
    return path
