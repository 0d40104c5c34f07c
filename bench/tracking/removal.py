"""Removal of a result and what belongs to it in its run directory: only files that the bench wrote, by their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from bench.contracts.results import Result, Run
from bench.tracking.state import FILE, State, exclusive

TABLES = (".parquet", ".csv")
"""Suffixes of the files of per-sample values, in a run and in a baseline."""
KEPT = re.compile(r"\d{6,}\.[\w.]+")
"""The file name of a kept sample: its position in the data set, and the suffix of its modality."""


def belongings(run: Run, results: Mapping[Path, Result | None], going: Collection[Path]) -> list[Path]:
    """The files of results that are to be removed, each result before its samples.

    They follow from the name of a result's file, never from paths in it. Originals of kept samples belong
    to all results of one protocol, so they are removed with the last of these. Links are not followed.

    Args:
        results: all results of the run by file; None for one that cannot be read, which may be of any protocol.
        going: which of them are to be removed.
    """
    files: list[Path] = []
    for file in going:
        tables = (file.with_suffix(ending) for ending in TABLES)
        files += [file, *(beside for beside in (*tables, run.dependencies_of(file)) if beside.is_file())]
        files += _kept(run.folder / "kept" / file.stem)
        files += _partial(run.partial_of(file))
    left = [result for file, result in results.items() if file not in going]
    if None not in left:
        used = {result.protocol.fingerprint for result in left if result}
        unused = {result.protocol.fingerprint for file in going if (result := results[file])} - used
        for fingerprint in sorted(unused):
            files += _kept(run.folder / "kept" / f"originals-{fingerprint}")
    return files


def remove(run: Run, files: Iterable[Path]) -> list[str]:
    """Remove files in their order and the folders that this leaves empty.

    What ``tracking.json`` has on removed results becomes a note for ``bench sync``, which marks their runs in
    MLflow. A kill leaves at most samples behind that nothing reads.

    Returns:
        The stores that hold any of the results.
    """
    files = list(files)
    for file in files:
        file.unlink(missing_ok=True)
    folders = {file.parent for file in files if file.parent != run.folder}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return _forget(run, {file.name for file in files if file.suffix == ".json"})


def _partial(folder: Path) -> list[Path]:
    """The saved state of a cell that was cut off."""
    if folder.is_symlink() or folder.parent.is_symlink():
        return []
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _kept(folder: Path) -> list[Path]:
    """The samples in a folder of kept ones."""
    if folder.is_symlink() or folder.parent.is_symlink():
        return []
    return sorted(file for file in folder.glob("[0-9]*") if KEPT.fullmatch(file.name) and file.is_file())


def _forget(run: Run, names: Collection[str]) -> list[str]:
    if not (run.path / FILE).exists():
        return []
    with exclusive(run.path):
        state = State.load(run.path)
        stores = [store for store in state.stores if state.forget(store, names)]
        state.save(run.path)
    return stores
