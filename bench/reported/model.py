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


LOADER: type[yaml.BaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Reads all scalars as text, so that 1.70 does not become 1.7 on the way; in C where PyYAML was built with it."""
NONE = "none"
"""What a protocol states where a field does not apply, so that its silence cannot be meant."""


class Match(_Strict):
    """Selects the tables of the bench that were measured as a reported number was."""

    task: str
    preset: str
    others: dict[str, str] = Field(
        default_factory=dict,
        description="preset by metric, for metrics of the catalogue that ``preset`` does not measure",
    )
    named: dict[str, str] = Field(
        default_factory=dict,
        description="the bench's value by metric, where it is not the catalogue's; empty if none is",
    )
    dataset: str = Field(default="", description="registry name of the data set; empty for the modality's folder")
    otherwise: str = Field(default="", description="what the preset knowingly does otherwise than the source")
    n: int | None = Field(default=None, description="number of samples; numbers on others do not compare")
    size: int | None = Field(default=None, description="height and width in pixels")

    @property
    def presets(self) -> list[str]:
        """All its presets."""
        return list(dict.fromkeys((self.preset, *self.others.values())))

    def preset_of(self, metric: str) -> str:
        """Return the preset that measures a metric of the catalogue."""
        return self.others.get(metric, self.preset)

    def fits(self, protocol: Protocol) -> bool:
        """Whether a table's protocol has this task, data set, number and size of samples, and one of its presets."""
        return any(not self.departures(protocol, metric) for metric in ("", *self.others))

    def departures(self, protocol: Protocol, metric: str) -> list[str]:
        """Return how the measurement of a metric of the catalogue differs from this, a phrase for each difference."""
        data, size, preset = protocol.dataset, protocol.setting("preprocessing", "size"), self.preset_of(metric)
        phrases = [
            (protocol.task == self.task, f"task {protocol.task} instead of {self.task}"),
            (preset in protocol.preset.split(", "), f"preset {protocol.preset} instead of {preset}"),
            (
                self.dataset in ("", data.name.partition("@")[0]),
                f"data set {data.name} instead of {self.dataset}",
            ),
            (self.n in (None, data.n), f"{samples(data.n)} instead of {self.n}"),
            (self.size in (None, size), f"size {size} instead of {self.size}"),
        ]
        return [phrase for holds, phrase in phrases if not holds]


def samples(count: int) -> str:
    """A number of samples, in words."""
    return f"{count} sample{'s'[: count != 1]}"


class ReportedProtocol(_Strict):
    """What is known about how numbers were measured; a field is empty where the source does not say.

    A field is ``none`` where it does not apply: the size of clips, the split of generated images, or the data set of a
    nominal rate.
    """

    title: str
    modality: str
    dataset: str = ""
    split: str = ""
    n: int | None = None
    resolution: str = ""
    reference: str = Field(default="", description="the set that set-level metrics compare with")
    remarks: str = Field(default="", description="what a reader must know before comparing")
    match: Match | None = Field(default=None, description="absent where no preset reproduces it")

    @property
    def exact(self) -> bool:
        """Whether numbers follow from the systems alone, so that any samples give them."""
        return self.dataset == NONE

    def silences(self, compares_sets: bool) -> tuple[str, ...]:
        """Return what moves a number and is not stated, in words.

        Args:
            compares_sets: whether the number compares sets of samples, so that the reference set matters.
        """
        if self.exact:
            return ()
        stated = {
            "the data set": self.dataset,
            "its split": self.split,
            "the number of samples": self.n,
            "their size": self.resolution,
            "the reference set": self.reference or not compares_sets,
        }
        return tuple(words for words, value in stated.items() if not value)


class MetricFact(_Strict):
    """Presentation of a reported metric."""

    title: str
    unit: str = ""
    higher_is_better: bool | None = None
    metric: str = Field(default="", description="its name in the bench; empty if it has none")
    compares_sets: bool = Field(
        default=False, description="whether it compares with a reference set, which a source may choose"
    )


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
        for name, protocol in self.protocols.items():
            match = protocol.match
            if match and (unknown := {*match.others, *match.named} - self.metrics.keys()):
                raise ValueError(f"{name}: no metric {', '.join(sorted(unknown))}")
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

    def silences(self, protocol: str, *metrics: str) -> tuple[str, ...]:
        """Return what a protocol leaves unsaid that moves the numbers of any of these metrics, in words."""
        return self.protocols[protocol].silences(any(self.metrics[metric].compares_sets for metric in metrics))

    def value_of(self, protocol: str, metric: str) -> str:
        """Return the bench's value that a metric is under a protocol; empty if it has none."""
        match = self.protocols[protocol].match
        return match.named.get(metric, self.metrics[metric].metric) if match else self.metrics[metric].metric

    def measures(self, protocol: str) -> list[str]:
        """Return the metrics that any system has under one protocol, in the file's order."""
        return [name for name in self.metrics if any(name in system.values for system in self.of(protocol))]


@cache
def catalogs(folder: Path = FOLDER) -> dict[str, Catalog]:
    """Return all files of reported numbers of a folder by name, in their stated order.

    Raises:
        BenchError: a file is not a valid catalog, or there is none.
    """
    files = {file.stem: read(file) for file in folder.glob("*.yaml")}
    if not files:
        raise BenchError(f"{folder}: no files of reported numbers (*.yaml)")
    return dict(sorted(files.items(), key=lambda item: item[1].order))


def read(file: Path) -> Catalog:
    """Read one file of reported numbers.

    Raises:
        BenchError: the file is not a valid catalog; the message says where.
    """
    try:
        return Catalog(**yaml.load(file.read_text(encoding="utf-8"), LOADER))
    except ValidationError as error:
        raise BenchError(f"{file}: {problems(Catalog, error)[0]}") from error
    except yaml.YAMLError as error:
        raise BenchError(f"{file}: {problem(error)}") from error
    except TypeError as error:
        raise BenchError(f"{file}: not a mapping of subject, protocols, metrics and systems") from error
