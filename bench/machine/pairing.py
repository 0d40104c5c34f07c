"""Which file holds the reconstruction of which sample: by relative path without the ending, or by a manifest."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.errors import BenchError
from bench.machine.files import read_stored
from bench.machine.folders import files_below, printable

CODES = (".npy", ".npz")
"""Endings of files of codes, which lie beside the reconstructions under the same name."""
HEADERS = frozenset({"id", "original", "name", "utt", "utterance", "reference"})
"""What the first column of a manifest's header may be called."""


@dataclass(frozen=True)
class Pairing:
    """The files that belong to samples.

    Attributes:
        files: reconstruction of each sample, by its id.
        codes: file of codes of each sample that has one, by its id.
        wrong: why a sample has no reconstruction, by its id.
        surplus: files, or lines of a manifest, that belong to no sample.
    """

    files: dict[str, Path] = field(default_factory=dict)
    codes: dict[str, Path] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    surplus: list[str] = field(default_factory=list)


def listed_in(path: Path) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files of a folder or of a manifest, the manifest first.

    Raises:
        BenchError: it cannot be read, or is not a manifest.
    """
    if path.is_dir():
        return path, [path / name for name in sorted(files_below(path), key=os.fsencode)]
    files = [file for _, file in manifest(path)]
    return path.parent, [path, *files, *(code for file in files for code in _codes_beside(file))]


def pair(ids: Sequence[str], path: Path, endings: frozenset[str], root: Path | None = None) -> Pairing:
    """Pair samples with the files of a folder, or of a manifest.

    A file of a folder belongs to the sample of the same relative path, whatever the endings of both. Where the folder
    has no folders in it, it may be the path's last part alone.

    Args:
        ids: ids of all samples of the data set.
        path: the folder, or a manifest of two columns: the sample's id (or the original's path), and the file.
        endings: endings of files that hold reconstructions.
        root: folder of the originals, which paths in a manifest may begin with.

    Raises:
        BenchError: it cannot be read, or is not a manifest.
    """
    return _of_folder(ids, path, endings) if path.is_dir() else _of_manifest(ids, path, endings, root)


def manifest(path: Path) -> list[tuple[str, Path]]:
    """The lines of a manifest: the first column, and the file that the second names.

    Columns are separated by a tab, or else by the first space, as in Kaldi's ``wav.scp``. Relative paths start at the
    manifest, or if there is no such file at the working directory. A header is left out.

    Raises:
        BenchError: it cannot be read, a line has no second column, or one is a command, which is never run.
    """
    try:
        lines = read_stored(path).decode("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: not a folder, nor a manifest of two columns in UTF-8: {error}") from error
    pairs: list[tuple[str, Path]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        first, _, second = (part.strip() for part in line.partition("\t" if "\t" in line else " "))
        if not second or "\0" in line:
            raise BenchError(f"{path}:{number}: write two columns, the original and its reconstruction")
        if second.endswith("|"):
            raise BenchError(f"{path}:{number}: {second} is a command, which is never run; write its output to a file")
        beside = path.parent / second
        pairs.append((first, beside if beside.exists() or not Path(second).exists() else Path(second).absolute()))
    if pairs and pairs[0][0].lower() in HEADERS and not pairs[0][1].exists():
        pairs.pop(0)
    return pairs


def unended(name: str, endings: Iterable[str]) -> str:
    """A name without its ending, if that is one of ``endings`` (in lower case)."""
    ending = PurePosixPath(name).suffix
    return name[: -len(ending)] if ending.lower() in endings else name


def _shown(file: Path, folder: Path) -> str:
    """A file's path from a folder that it lies in; else its name, since results should not show whole paths."""
    return printable(str(file.relative_to(folder))) if file.is_relative_to(folder) else file.name


def _codes_beside(file: Path) -> list[Path]:
    return [code for ending in CODES if (code := file.with_suffix(ending)).is_file()]


def _of_folder(ids: Sequence[str], folder: Path, endings: frozenset[str]) -> Pairing:
    files: dict[str, list[str]] = defaultdict(list)
    codes: dict[str, str] = {}
    for path in sorted(files_below(folder), key=os.fsencode):
        ending = PurePosixPath(path).suffix.lower()
        if ending in endings:
            files[unended(path, endings)].append(path)
        elif ending in CODES:
            codes[path[: -len(ending)]] = path
    keys = _keys(ids, endings, files)
    shared = Counter(keys.values())
    pairing = Pairing()
    used: set[str] = set()
    for name, key in keys.items():
        candidates = [path for path in files[key] if path == name] or files[key] if key in files else []
        if shared[key] > 1 and candidates != [name]:
            others = [other for other, taken in keys.items() if taken == key and other != name]
            pairing.wrong[name] = f"{key} may also be the reconstruction of {others[0]}; pair them by a manifest"
        elif len(candidates) > 1:
            pairing.wrong[name] = f"several files may be its reconstruction: {', '.join(map(printable, candidates))}"
        elif not candidates:
            pairing.wrong[name] = f"no reconstruction in {folder.name}"
        else:
            pairing.files[name] = folder / candidates[0]
        used.update(candidates)
        if key in codes:
            used.add(codes[key])
            pairing.codes[name] = folder / codes[key]
    every = [*(path for paths in files.values() for path in paths), *codes.values()]
    pairing.surplus.extend(printable(path) for path in every if path not in used)
    return pairing


def _keys(ids: Sequence[str], endings: frozenset[str], files: Mapping[str, object]) -> dict[str, str]:
    """The name without ending that the reconstruction of each sample must have, by the sample's id."""
    whole = {name: name if name in files else unended(name, endings) for name in ids}
    if any("/" in name for name in files) or any(key in files for key in whole.values()):
        return whole
    flat = {name: PurePosixPath(key).name for name, key in whole.items()}
    return flat if len(set(flat.values())) == len(flat) else whole


def _of_manifest(ids: Sequence[str], path: Path, endings: frozenset[str], root: Path | None) -> Pairing:
    names: dict[str, str] = {}
    for name in ids:
        key = unended(name, endings)
        for known in (name, key, PurePosixPath(key).name):
            names[known] = "" if names.get(known, name) != name else name  # what two samples share names neither
    pairing = Pairing()
    for first, file in manifest(path):
        name = next((names[key] for key in _spellings(first, endings, root) if names.get(key)), "")
        if not name:
            pairing.surplus.append(first)
            continue
        if name in pairing.files:
            pairing.wrong[name] = f"{path.name} names two reconstructions of it"
        elif not file.is_file():
            pairing.wrong[name] = f"{path.name} names {_shown(file, path.parent)}, which is not there"
        pairing.files[name] = file
        for code in _codes_beside(file):
            pairing.codes[name] = code
    for name in pairing.wrong:
        del pairing.files[name]
        pairing.codes.pop(name, None)
    pairing.wrong.update(
        {name: f"no line in {path.name}" for name in ids if name not in {*pairing.files, *pairing.wrong}}
    )
    return pairing


def _spellings(text: str, endings: frozenset[str], root: Path | None) -> list[str]:
    """How a manifest may name a sample, the most exact first."""
    paths = [Path(text), Path(text).absolute()] if root is not None else []
    below = [path.relative_to(root).as_posix() for path in paths if root and path.is_relative_to(root)]
    return [text, *below, *(unended(one, endings) for one in (text, *below))]
