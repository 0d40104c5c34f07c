"""Model and reader of the files of reported numbers."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.contracts.protocol import Protocol
from bench.contracts.settings import problems
from bench.errors import BenchError
from bench.machine.documents import problem

FOLDER = Path(__file__).parent


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Match(_Strict):
    """Selects the tables of the bench that were measured as a reported number was."""

    task: str
    preset: str
    n: int | None = Field(default=None, description="number of samples; numbers on others do not compare")
    size: int | None = Field(default=None, description="height and width in pixels")

    def fits(self, protocol: Protocol) -> bool:
        """Whether a table's protocol has this task, preset, number of samples and image size."""
        return (
            protocol.task == self.task
            and self.preset in protocol.preset.split(", ")
            and self.n in (None, protocol.dataset.n)
            and self.size in (None, protocol.setting("preprocessing", "size"))
        )


class ReportedProtocol(_Strict):
    """What is known about how numbers were measured; a field is empty where the source does not say."""

    title: str
    modality: str
    dataset: str
    split: str = ""
    n: int | None = None
    resolution: str = ""
    reference: str = Field(default="", description="the set that set-level metrics compare with")
    remarks: str = Field(default="", description="what a reader must know before comparing")
    match: Match | None = Field(default=None, description="absent where no preset reproduces it")


class MetricFact(_Strict):
    """Presentation of a reported metric."""

    title: str
    unit: str = ""
    higher_is_better: bool | None = None
    metric: str = Field(default="", description="its name in the bench; empty if it has none")


class ReportedSystem(_Strict):
    """Numbers that one source reports for one system."""

    system: str = Field(description="as the source calls it")
    protocol: str
    source: str
    values: dict[str, Decimal] = Field(description="with the digits of the source, in the metric's unit")
    approximate: tuple[str, ...] = Field(default=(), description="metrics whose value in the source is approximate")
    registry: str | None = Field(default=None, description="its name in results, where the bench can measure it")
    note: str = ""


class Catalog(_Strict):
    """One file of reported numbers: their protocols, metrics, sources and systems."""

    subject: str
    order: int
    protocols: dict[str, ReportedProtocol]
    metrics: dict[str, MetricFact]
    links: dict[str, str] = Field(default_factory=dict, description="known addresses of sources, by the source's text")
    systems: tuple[ReportedSystem, ...]

    @model_validator(mode="after")
    def _names_are_known(self) -> Catalog:
        sources = {system.source for system in self.systems}
        for source, address in self.links.items():
            if source not in sources or not address.startswith("https://"):
                raise ValueError(f"links: {source!r} is the source of no system, or {address!r} no https address")
        for system in self.systems:
            if system.protocol not in self.protocols:
                raise ValueError(f"{system.system}: no protocol {system.protocol!r}")
            unknown = system.values.keys() - self.metrics.keys() or set(system.approximate) - system.values.keys()
            if unknown or not system.values:
                raise ValueError(f"{system.system}: no metric {', '.join(sorted(unknown))}")
        rows = [(system.system, system.protocol, system.source) for system in self.systems]
        if len(set(rows)) < len(rows):
            raise ValueError(f"twice: {sorted({row for row in rows if rows.count(row) > 1})}")
        return self

    def of(self, protocol: str) -> list[ReportedSystem]:
        """Return the systems reported under one protocol, in the file's order."""
        return [system for system in self.systems if system.protocol == protocol]

    def link(self, system: ReportedSystem) -> str:
        """Return the address of a system's source; empty if none is known."""
        return self.links.get(system.source, "")

    def measures(self, protocol: str) -> list[str]:
        """Return the metrics that any system has under one protocol, in the file's order."""
        return [name for name in self.metrics if any(name in system.values for system in self.of(protocol))]


@cache
def catalogs() -> dict[str, Catalog]:
    """Return all files of reported numbers by name, in their stated order."""
    files = {file.stem: read(file) for file in FOLDER.glob("*.yaml")}
    return dict(sorted(files.items(), key=lambda item: item[1].order))


def read(file: Path) -> Catalog:
    """Read one file of reported numbers.

    Raises:
        BenchError: the file is not a valid catalog; the message says where.
    """
    try:
        # All scalars as text, so that 1.70 does not become 1.7 on the way.
        return Catalog(**yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader))
    except ValidationError as error:
        raise BenchError(f"{file}: {problems(Catalog, error)[0]}") from error
    except yaml.YAMLError as error:
        raise BenchError(f"{file}: {problem(error)}") from error
    except TypeError as error:
        raise BenchError(f"{file}: not a mapping of subject, protocols, metrics and systems") from error
