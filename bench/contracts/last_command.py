"""The cells that the last `bench run` of a run directory asked for, which show which results are older."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.machine.canonical import readable_json, write_atomic
from bench.machine.files import read_stored

FILE = "last.json"


class LastCommand(BaseModel):
    """The content of ``last.json`` in a run directory."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    started: str = Field(description="UTC, ISO 8601")
    options: dict[str, Any] = Field(description="options of `bench run`, except those left at their defaults")
    cells: list[str] = Field(description="names of the result files of all cells that it asked for, measured or not")
    systems: dict[str, str] = Field(default_factory=dict, description="name of the system by name of the result file")
    pending: list[str] = Field(default_factory=list, description="the cells that were not finished when it started")
    process: dict[str, Any] | None = Field(
        default=None, description="the process that measures them (`bench.machine.claims.Holder`); none for jobs"
    )

    @classmethod
    def of(cls, options: dict[str, Any], files: Iterable[Path], **further: Any) -> LastCommand:
        """The command that starts now, with these options and the result files of its cells.

        Args:
            further: other fields, by name.
        """
        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        return cls(started=started, options=options, cells=sorted(file.name for file in files), **further)

    @classmethod
    def load(cls, folder: Path) -> LastCommand | None:
        """The last command of a run directory; None if it has no ``last.json`` that can be read."""
        try:
            return cls.model_validate_json(read_stored(folder / FILE))
        except (OSError, ValidationError):
            return None

    def save(self, folder: Path) -> None:
        """Write it to a run directory, whole or not at all."""
        write_atomic(folder / FILE, readable_json(self.model_dump(mode="json")).encode())


def of_earlier_commands(files: Sequence[Path]) -> set[Path]:
    """The result files that the last command of their run directory did not ask for.

    A directory without ``last.json`` (a baseline, a copy of results only) has none.
    """
    commands = {folder: LastCommand.load(folder.parent) for folder in {file.parent for file in files}}
    return {file for file in files if (command := commands[file.parent]) is not None and file.name not in command.cells}
