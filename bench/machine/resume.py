"""Where a cell is, saved from time to time, so that a later process goes on there with the same numbers."""

from __future__ import annotations

import hashlib
import io
import pickle
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch

from bench.machine.canonical import write_atomic
from bench.machine.ranks import ALONE, Ranks
from bench.machine.watch import state_of

LAST = "last"
"""The file that names the state to resume from: states are there before they are named."""
PLACE = "features at"
"""Key of what stands for features in a state."""
DIGEST = 32
"""Bytes of the hash that a state begins with: what loads from damaged files may differ without an error."""
_UNUSABLE = (OSError, ValueError, RuntimeError, pickle.UnpicklingError)


class Part(Protocol):
    """Something that can go on in another process."""

    def state(self) -> Any:
        """What ``restore`` needs: tensors, text, numbers, bytes, and lists and dictionaries of them."""

    def restore(self, state: Any) -> None:
        """Go on where another process was."""


class Views(Part, Protocol):
    """Tables on disk, to which the tensors in the states of parts may be views."""

    def place(self, view: torch.Tensor) -> list[Any] | None:
        """Where a view lies, as ``view`` takes it; None if it is of no table."""

    def view(self, place: list[Any]) -> torch.Tensor:
        """The view at a place."""

    def has(self, state: Any) -> bool:
        """Whether what the views of a state were of is still there."""


class Resume:
    """The saved state of one cell, in a folder of its own.

    A state is used only by a cell with the same key, that is of the same code, system, protocol, data, device and batch
    size, measured by equally many processes, and only while the files that its system had read are as they were.

    Args:
        folder: the folder of the cell.
        key: hash of everything that decides its result.
        every: least seconds between two saves.
        read: the files that the system has read so far, each with its size and time of modification.
        ranks: the processes that measure the cell together; all save the same steps.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        every: float,
        read: Callable[[], Mapping[str, Any]],
        ranks: Ranks = ALONE,
    ) -> None:
        self.folder, self.key, self.every, self.read, self.ranks = folder, key, every, read, ranks
        self._saved = time.monotonic()
        self._state = self._load()

    @property
    def rows(self) -> Path:
        """The folder for features."""
        return self.folder / "features"

    def restore(self, parts: Mapping[str, Part], tables: Views | None) -> int:
        """Let the parts go on where the last state left them; what is done by then, 0 where there is no state."""
        state, self._state = self._state, None
        if state is None:  # on all ranks
            return 0
        if not all(self.ranks.exchange(tables is None or tables.has(state["tables"]))):
            return 0
        if tables:
            tables.restore(state["tables"])
        for name, part in parts.items():
            part.restore(_with_views(state["parts"][name], tables))
        return int(state["done"])

    def after(self, done: int, parts: Mapping[str, Part], tables: Views | None) -> None:
        """Save the parts if it is time.

        Args:
            done: what is done by now, which :meth:`restore` gives to a later process.
        """
        if self.ranks.exchange(time.monotonic() - self._saved >= self.every)[0]:
            self.save(done, parts, tables)
            self._saved = time.monotonic()

    def save(self, done: int, parts: Mapping[str, Part], tables: Views | None) -> None:
        """Save the parts; a kill meanwhile leaves the state before, and so does a disk that takes no more."""
        file = self._file(done)
        if not self._managed(lambda: self._write(file, done, parts, tables)):
            return
        # Named once all ranks have written theirs.
        if not self._managed(
            lambda: write_atomic(self.folder / LAST, str(done).encode()) if self.ranks.first else None
        ):
            return
        for older in set(self.folder.glob(f"state-{self.ranks.rank}-*")) - {file}:
            older.unlink()

    def _managed(self, write: Callable[[], None]) -> bool:
        """Whether all ranks could write; the one that could not warns of it."""
        trouble = None
        try:
            write()
        except OSError as error:
            trouble = error
            warnings.warn(
                f"where the cell is cannot be saved, so that a kill costs more: {self.folder}: {error.strerror}",
                stacklevel=3,
            )
        return not any(self.ranks.exchange(trouble is not None))

    def _write(self, file: Path, done: int, parts: Mapping[str, Part], tables: Views | None) -> None:
        state = {
            "key": self.key,
            "ranks": self.ranks.size,
            "read": dict(self.read()),
            "done": done,
            "parts": {name: _with_places(part.state(), tables) for name, part in parts.items()},
            "tables": tables.state() if tables else None,
        }
        sink = io.BytesIO()
        torch.save(state, sink)
        data = sink.getbuffer()
        write_atomic(file, hashlib.sha256(data).digest() + data)

    def _file(self, done: object) -> Path:
        return self.folder / f"state-{self.ranks.rank}-{done}.pt"

    def _load(self) -> dict[str, Any] | None:
        """The last state if all ranks can use theirs; otherwise what is there is removed."""
        state: dict[str, Any] | None = None
        with suppress(*_UNUSABLE):
            data = self._file((self.folder / LAST).read_text()).read_bytes()
            if hashlib.sha256(data[DIGEST:]).digest() == data[:DIGEST]:
                state = self._fitting(torch.load(io.BytesIO(data[DIGEST:]), weights_only=True))
        # A file server may still show one machine the name of an earlier state.
        done = {*self.ranks.exchange(state and state["done"])}
        if len(done) == 1 and None not in done:
            return state
        if self.ranks.first:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.ranks.exchange(None)
        return None

    def _fitting(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """A state if this cell can use it, else None."""
        if (state["key"], state["ranks"]) != (self.key, self.ranks.size):
            return None
        return None if any(state_of(path) != then for path, then in state["read"].items()) else state


def forget(folder: Path) -> None:
    """Remove the state in a folder, once the result has been written, and the folder of states if it was the last."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # of other cells
        folder.parent.rmdir()


def _with_places(value: Any, tables: Views | None) -> Any:
    """A state in which features that lie on disk are replaced by where they lie."""
    return _changed(value, lambda rows: {PLACE: place} if tables and (place := tables.place(rows)) else rows)


def _with_views(value: Any, tables: Views | None) -> Any:
    """A state in which the places of features are replaced by the features."""
    if isinstance(value, dict) and PLACE in value:
        assert tables
        return tables.view(value[PLACE])
    if isinstance(value, dict):
        return {key: _with_views(each, tables) for key, each in value.items()}
    return [_with_views(each, tables) for each in value] if isinstance(value, list) else value


def _changed(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """A state with each of its tensors changed."""
    if isinstance(value, torch.Tensor):
        return change(value.detach().cpu())
    if isinstance(value, dict):
        return {key: _changed(each, change) for key, each in value.items()}
    return [_changed(each, change) for each in value] if isinstance(value, list) else value
