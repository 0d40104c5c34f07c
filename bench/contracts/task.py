"""The task contract: a plug-in that states a protocol and measures one system under it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench import registry
from bench.contracts.options import Options
from bench.contracts.protocol import Protocol
from bench.contracts.results import CodebookRecord, DatasetRecord, SystemRecord
from bench.contracts.stats import Estimate
from bench.contracts.sweep import Sweep
from bench.contracts.system import SystemSpec
from bench.contracts.trainings import Trainings
from bench.errors import Unavailable
from bench.modalities.base import Modality

if TYPE_CHECKING:
    from bench.contracts.kept import Kept
    from bench.machine.ranks import Ranks
    from bench.machine.resume import Resume

Report = Callable[[str, int, int], None]
"""A function called with the phase, the number of samples done and the number of samples in all."""


@dataclass(frozen=True)
class Request:
    """What the user asked for, before defaults, for a task to make a protocol of.

    Attributes:
        preset: name and settings of the protocol preset.
        dataset: registry name of the dataset.
        options: the options of the run.
        sha256: gives the hash of a weights file by its name, for the protocol.
        file: path of the preset, where it is a file of the user's.
    """

    preset: tuple[str, dict[str, Any]]
    dataset: str
    options: Options = field(default_factory=Options)
    sha256: Callable[[str], str] = field(default=lambda name: "")
    file: str = ""

    @property
    def place(self) -> str:
        """The beginning of messages about the protocol's settings: its file, or its name."""
        return self.file or f"protocol {self.preset[0]}"


@dataclass(frozen=True)
class Place:
    """Where a cell is measured.

    Attributes:
        ranks: the processes that measure it together.
        resume: where an earlier attempt at it was, and where it is saved; None if it is not.
    """

    ranks: Ranks
    resume: Resume | None = None


@dataclass(frozen=True)
class Job:
    """One cell, ready to be measured; it travels to a process of its own.

    Attributes:
        options: the options of the run, paths absolute.
        weights: verified file of each weights name, or why it is unavailable.
        place: where it is measured, set in the process that does so.
    """

    system: SystemSpec
    protocol: Protocol
    options: Options = field(default_factory=Options)
    weights: Mapping[str, Path | Unavailable] = field(default_factory=dict)
    place: Place | None = None


@dataclass(frozen=True)
class Cell:
    """One system times one task: the job, and where its result belongs.

    Attributes:
        key: hash of everything that decides the result.
        file: where it is written, absolute: a system may change the working directory.
        run: the run directory, absolute.
        subject: hash of everything that decides the result except the metrics.
    """

    job: Job
    suite: str
    key: str
    file: Path
    run: Path
    subject: str = ""


@dataclass(frozen=True)
class Measurement:
    """What a task measured of a system.

    Attributes:
        metrics: the estimate of each value, by name.
        samples: the values of each sample, by column.
        kept: samples kept to be looked at.
        warnings: what makes the numbers doubtful although they could be measured, one sentence each.
        sweep: the rows of a task that measures at several settings.
        trainings: what was seen while the system was trained.
    """

    system: SystemRecord
    codebooks: list[CodebookRecord]
    dataset: DatasetRecord
    metrics: dict[str, Estimate]
    samples: dict[str, Sequence[Any]]
    kept: Sequence[Kept] = ()
    warnings: Sequence[str] = ()
    sweep: Sweep | None = None
    trainings: Trainings | None = None


class Task(ABC):
    """Base of tasks, which measure systems of one modality; ``version`` is raised when its numbers change.

    Args:
        name: registry name.
        modality: the modality that it measures on.
    """

    kind: ClassVar[str]
    """The task's name without the modality, such as ``recon``."""
    version: ClassVar[int]
    measures: ClassVar[tuple[str, ...]] = ("tokenizer",)
    """The kinds of systems that the task measures (``SystemSpec.kind``)."""
    by_ranks: ClassVar[bool] = False
    """Whether several processes can measure one cell together."""
    wanted: ClassVar[str] = "give some with --system"
    """What the user should do where a suite names no systems, for messages."""

    def __init__(self, name: str, modality: Modality) -> None:
        self.name, self.face = name, modality

    @property
    def modality(self) -> str:
        """Name of the modality."""
        return self.face.name

    @abstractmethod
    def protocol(self, request: Request) -> Protocol:
        """The whole protocol of a request.

        Raises:
            BenchError: a setting or the data does not fit.
        """

    def for_system(self, protocol: Protocol, system: SystemSpec) -> Protocol:
        """The protocol with what follows from the system, such as how many samples it comes with.

        Raises:
            BenchError: the task cannot measure this system.
        """
        return protocol

    def preload(self, protocol: Protocol) -> tuple[str, ...]:
        """Names of modules that cells under this protocol take long to import; they are imported once for all cells."""
        return ()

    def missing(self, protocol: Protocol) -> dict[str, str]:
        """Why this machine cannot measure some metrics, by metric, apart from missing weights."""
        return {}

    def unmeasurable(self, job: Job) -> str:
        """Why a cell will fail and the remedy, as far as its data show beforehand; empty if it may succeed."""
        return ""

    def warnings(self, job: Job) -> list[str]:
        """What makes the numbers of a cell worthless, as far as its data show beforehand, one sentence each."""
        return []

    def impossible(self, protocol: Protocol, weights: Mapping[str, Path | Unavailable]) -> str:
        """Why no cell under this protocol can be measured with these weights, and the remedy; empty if some can be."""
        return ""

    @abstractmethod
    def measure(self, job: Job, report: Report) -> Measurement:
        """Measure a cell under exactly ``job.protocol``; whatever is raised fails only this cell."""


def open_task(name: str) -> Task:
    """The task of a registry name; imports its class.

    Raises:
        UnknownName: there is none of that name.
        BenchError: it cannot be imported, or does not state its modality.
    """
    entry = registry.get("tasks", name)
    task: Task = registry.load(entry.target)(name, registry.modality(entry.scope), **entry.args)
    return task
