"""What a run directory keeps of its jobs: ``jobs/NAME.json`` says which job measures a cell, ``jobs/NAME.end.json`` how
that ended, where NAME is that of the cell's result; ``jobs/submitit`` has submitit's files, with the logs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.machine.canonical import readable_json, write_atomic
from bench.machine.files import read_stored

FOLDER = "jobs"

R = TypeVar("R", bound=BaseModel)


class JobRecord(BaseModel):
    """The job that was last submitted for a cell."""

    model_config = ConfigDict(extra="forbid")

    job: str = Field(description="its id; of the local launcher, the number of a process")
    launcher: Literal["slurm", "local"]
    host: str = Field(description="the machine that it was submitted on")
    submitted: str = Field(description="UTC, ISO 8601")
    log: str = Field(description="path of what it prints to stderr, relative to the run directory")


class Ending(BaseModel):
    """How the command of a job ended by itself; a job that is killed does not write one."""

    model_config = ConfigDict(extra="forbid")

    job: str
    ended: str = Field(description="UTC, ISO 8601")
    code: int = Field(description="exit code; negative if a signal ended it")
    reason: str = Field(description="the last that it printed to stderr; empty if all went well")


class Records:
    """The records of a run directory."""

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER
        self.logs = self.folder / "submitit"

    def job(self, name: str) -> JobRecord | None:
        """The job of a cell, if there is one."""
        return _read(self.folder / f"{name}.json", JobRecord)

    def jobs(self) -> dict[str, JobRecord]:
        """The jobs of all cells that have one, by the cell's name."""
        names = [file.stem for file in sorted(self.folder.glob("*.json")) if not file.name.endswith(".end.json")]
        return {name: record for name in names if (record := self.job(name))}

    def ending(self, name: str) -> Ending | None:
        """How the job of a cell ended, if it did so by itself."""
        return _read(self._end(name), Ending)

    def save(self, name: str, record: JobRecord) -> None:
        """Note the job of a cell."""
        write_atomic(self.folder / f"{name}.json", readable_json(record.model_dump(mode="json")).encode())

    def end(self, name: str, ending: Ending) -> None:
        """Note how the job of a cell ended."""
        write_atomic(self._end(name), readable_json(ending.model_dump(mode="json")).encode())

    def begin(self, name: str) -> None:
        """Forget how an earlier job of a cell, or an earlier start of its job, ended."""
        self._end(name).unlink(missing_ok=True)

    def _end(self, name: str) -> Path:
        return self.folder / f"{name}.end.json"


def _read(file: Path, kind: type[R]) -> R | None:
    try:
        return kind.model_validate_json(read_stored(file))
    except (OSError, ValidationError):
        return None
