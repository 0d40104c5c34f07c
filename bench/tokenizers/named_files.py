"""Weights files of tokenizers by name: from a folder of the user's, from the cache, or fetched into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.machine.file_hashes import file_sha256
from bench.machine.weights import FILES, WeightStore
from bench.tokenizers.checkpoint import hub_offline


@dataclass(frozen=True)
class NamedFiles:
    """The files of one tokenizer, in the order in which they were asked for.

    Attributes:
        folder: where they are, for messages.
        files: the files.
        sha256: hash of each, in hex, by the name that its publisher gave it.
        revision: commit of the publisher's repository that they are of; empty if one of them is another file.
    """

    folder: Path
    files: tuple[Path, ...]
    sha256: dict[str, str]
    revision: str

    def hashes(self, files: Iterable[Path]) -> dict[str, str]:
        """sha256 of some of the files, in hex, by the names that their publisher gave them."""
        names = dict(zip(self.files, self.sha256, strict=True))
        return {names[file]: self.sha256[names[file]] for file in files}


def locate_files(names: tuple[str, ...], path: str | None, offline: bool = False) -> NamedFiles:
    """The files of a tokenizer under their names in ``bench/machine/weights.py``.

    Args:
        path: a folder that has them under their publisher's names, or the file itself where there is one. They are used
            whatever their hashes are, which the result records. If None, they are taken from the cache, or fetched
            into it and verified.
        offline: never use the network; ``HF_HUB_OFFLINE=1`` does the same for every tokenizer.

    Raises:
        BenchError: the folder does not hold them all.
        Unavailable: one of them is not on this machine and cannot be fetched.
    """
    registered = [FILES[name] for name in names]
    if path is None:
        store = WeightStore(offline=offline or hub_offline())
        files = tuple(store.path(name) for name in names)
        hashes = {file.published_name: file.sha256 for file in registered}
    elif len(registered) == 1 and Path(path).is_file():
        files = (Path(path),)
        hashes = {file.name: file_sha256(file) for file in files}
    else:
        files = tuple(Path(path) / file.published_name for file in registered)
        if absent := [file.name for file in files if not file.is_file()]:
            what = f"no {', '.join(absent)} in it" if Path(path).is_dir() else "not a folder"
            raise BenchError(f"{path}: {what}; give a folder with {', '.join(file.name for file in files)}")
        hashes = {file.name: file_sha256(file) for file in files}
    published = list(hashes.values()) == [file.sha256 for file in registered]
    return NamedFiles(files[0].parent, files, hashes, registered[0].revision if published else "")
