"""The systems that surveys name, with what the bench has of each: a way to run it, reported numbers, or a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.contracts.settings import problems
from bench.errors import BenchError
from bench.reported.model import LOADER, Catalog, ReportedSystem, catalogs

FOLDER = Path(__file__).parent / "systems"
State = Literal["runnable", "reported", "explained"]
STATES: tuple[State, ...] = get_args(State)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Strict):
    """A system as a survey names it."""

    system: str
    refs: str = Field(default="", description="its numbers in the survey's list of references")
    loads: tuple[str, ...] = Field(
        default=(),
        description="names of the registry that read weights of it, its authors' or a replication's; * is anything",
    )
    method: tuple[str, ...] = Field(
        default=(), description="names of the registry that do what it does, without weights of it"
    )
    reported: tuple[str, ...] = Field(
        default=(), description="the first words of the names that its numbers have in the catalogue"
    )
    why: str = Field(default="", description="what is missing, or what a reader must know")

    @model_validator(mode="after")
    def _says_something(self) -> Entry:
        if not (self.loads or self.method or self.why):
            raise ValueError(f"{self.system}: say how it runs, or why it does not")
        return self

    @property
    def state(self) -> State:
        """The most that the bench has of it: something that runs, else numbers, else a reason."""
        return "runnable" if self.loads or self.method else "reported" if self.reported else "explained"

    def loaded_as(self, registered: Iterable[str]) -> list[str]:
        """Return the registered names that load it, in their order."""
        return [name for name in registered if any(fnmatchcase(name, pattern) for pattern in self.loads)]

    def has(self, state: State) -> bool:
        """Whether a state holds; what runs may be reported as well."""
        return self.state == state or (state == "reported" and bool(self.reported))

    def is_reported_as(self, system: ReportedSystem) -> bool:
        """Whether a reported system is this one, by the first words of its name."""
        return any(re.match(rf"{re.escape(words)}(?![\w-])", system.system) for words in self.reported)


class Section(_Strict):
    """A section of a survey with the systems that it names."""

    title: str
    modality: str = Field(description="modalities that it is about; any where it is about methods")
    entries: tuple[Entry, ...]


class Survey(_Strict):
    """One file of surveyed systems."""

    survey: str
    authors: str
    link: str = ""
    order: int
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Surveyed:
    """One entry with its place.

    Attributes:
        name: the name of the survey's file.
        survey, section, entry: where it stands, and what is said of it.
    """

    name: str
    survey: Survey
    section: Section
    entry: Entry

    def rows(self) -> dict[str, int]:
        """Return how many rows of each of the catalogue's files are of it; files without any are left out."""
        counts = {
            subject: sum(self.entry.is_reported_as(system) for system in catalog.systems)
            for subject, catalog in (catalogs() if self.entry.reported else dict[str, Catalog]()).items()
        }
        return {subject: count for subject, count in counts.items() if count}


@cache
def surveys() -> dict[str, Survey]:
    """Return the surveys by the names of their files, in their stated order."""
    read = {file.stem: _read(file) for file in FOLDER.glob("*.yaml")}
    return dict(sorted(read.items(), key=lambda item: item[1].order))


def surveyed() -> Iterator[Surveyed]:
    """Yield every entry of every survey, in order."""
    for name, survey in surveys().items():
        for section in survey.sections:
            yield from (Surveyed(name, survey, section, entry) for entry in section.entries)


def called(name: str) -> list[Surveyed]:
    """Return the entries of a name, whatever its case."""
    return [found for found in surveyed() if found.entry.system.casefold() == name.casefold()]


def counts(shown: Sequence[Surveyed]) -> str:
    """Say how many entries are in which state."""
    states = [found.entry.state for found in shown]
    numbers = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    return f"{len(shown)} systems: {numbers or 'none'}"


def _read(file: Path) -> Survey:
    try:
        return Survey(**yaml.load(file.read_text(encoding="utf-8"), LOADER))
    except ValidationError as error:
        raise BenchError(f"{file}: {problems(Survey, error)[0]}") from error
