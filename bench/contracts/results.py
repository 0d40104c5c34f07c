"""The result of a cell, its schema, and the run directory that keeps results whole."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from bench.contracts.migration import migrated
from bench.contracts.protocol import Protocol
from bench.contracts.sample_tables import parquet_bytes, read_table
from bench.contracts.settings import problems
from bench.contracts.stats import Estimate
from bench.contracts.sweep import Sweep
from bench.contracts.trainings import Trainings
from bench.errors import BenchError, with_remedy
from bench.machine import dependencies
from bench.machine.canonical import digest, readable_json, write_atomic
from bench.machine.documents import parse_json
from bench.machine.files import read_stored
from bench.machine.texts import TRACEBACK, plain

if TYPE_CHECKING:
    from bench.contracts.kept import Kept

SCHEMA_VERSION = 4
"""2: estimates keep the replicates of their jackknife. 3: costs describe the device beyond its name, and those of a
baseline keep the values of repeated runs. 4: conditions and metrics have fingerprints of their own, estimates name
their metric, and remedies have a field. Older results are migrated as they are read (``bench/contracts/migration.py``),
and lack what they did not record."""

LARGEST = 1e100
"""The largest absolute value of a metric: its square, and a hundred times that, are still finite."""
ROUNDING = 1e-9
LONGEST_NAME = 255
"""The longest file name that file systems take, in characters."""


class _Record(BaseModel):
    """Base of the parts of a result: no unknown keys, and texts bounded in length and without effect on a terminal."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _plain_texts(cls, value: Any, info: ValidationInfo) -> Any:
        return plain(value, TRACEBACK) if info.field_name == "traceback" else _plain(value)


def _plain(value: Any) -> Any:
    """A field with its texts, including those within lists and mappings, as they may be stored and shown."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value


class SystemRecord(_Record):
    """The system that was measured."""

    name: str = Field(description="the name as the user wrote it: registry name, arguments, path")
    entry: str = Field(description="registry name, or module:Attribute of a system given by its code")
    target: str = Field(description="module:Attribute that implements it")
    modality: str = ""
    tokens: str = Field(
        default="",
        description="discrete, continuous, hybrid, bytes, or unknown for reconstructions made elsewhere; samples or "
        "backbone where the system is not a tokenizer",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="arguments, defaults resolved")
    weights: dict[str, str] = Field(default_factory=dict, description="sha256 of each weights file")
    revision: str = Field(default="", description="revision of the checkpoint or hash of the user's file")
    source: str = ""
    license: str = ""


class CodebookRecord(_Record):
    """One codebook that the system declared."""

    size: int
    covers: str
    rate: float | None = Field(default=None, description="codes per second, for audio")
    per_clip: int | None = Field(
        default=None, description="codes per clip of audio, whatever its length, in place of a rate; absent elsewhere"
    )

    @model_serializer(mode="wrap")
    def _without_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields, without the number per clip where there is none, as in results of before there was one."""
        fields: dict[str, Any] = serialize(self)
        if self.per_clip is None:
            fields.pop("per_clip", None)  # a dump without defaults has none
        return fields


class DatasetRecord(_Record):
    """The data: what was read, what was not, and what had to be converted."""

    name: str
    split: str
    fingerprint: str = Field(description="sha256 over the contents")
    n: int = Field(description="samples measured")
    groups: int = Field(description="independent groups (photographs, speakers) the samples belong to")
    skipped: dict[str, str] = Field(default_factory=dict, description="sample id -> why it could not be read")
    failed: dict[str, str] = Field(default_factory=dict, description="sample id -> error that the system raised on it")
    converted: dict[str, list[str]] = Field(default_factory=dict, description="conversion -> sample ids")
    stored: dict[str, int] = Field(default_factory=dict, description="form of the stored samples -> how many")


class Cost(_Record):
    """What the measurement took; comparable on the same device only."""

    device: str = Field(description="name of the processor or accelerator")
    hardware: dict[str, str | float] = Field(
        default_factory=dict,
        description="what distinguishes the device from others of its name; empty in older results",
    )
    batch_size: int
    workers: int
    wall_seconds: float = Field(description="whole cell, loading and metrics included")
    repeats: dict[str, tuple[Annotated[float, Field(ge=-LARGEST, le=LARGEST)], ...]] = Field(
        default_factory=dict,
        description="in a baseline, speeds and memory by metric in each of several runs, this one included",
    )


class KeptRecord(_Record):
    """One sample that was kept, with the paths of its files relative to the folder of the result."""

    id: str
    index: int = Field(description="position in the data set; the same for every system")
    original: str = Field(max_length=LONGEST_NAME, description="the input as it was scored")
    reconstruction: str = Field(max_length=LONGEST_NAME)


class ErrorRecord(_Record):
    """Why a cell failed."""

    type: str
    message: str
    remedy: str = Field(default="", description="what helps; empty if unknown")
    traceback: str = ""

    @property
    def told(self) -> str:
        """Message and remedy as one text for people."""
        return with_remedy(self.message, self.remedy)


class Result(_Record):
    """What one cell measured, with its provenance."""

    schema_version: int = Field(
        default=SCHEMA_VERSION,
        ge=SCHEMA_VERSION,
        le=SCHEMA_VERSION,
        description="version of this schema; older ones are migrated when they are read",
    )
    key: str = Field(
        description="hash of code, system, protocol, device and batch size, by which finished cells are recognized"
    )
    subject: str = Field(
        default="",
        description="the same hash without the metrics: results of one subject differ only in what was measured; "
        "empty in older results",
    )
    suite: str
    status: Literal["ok", "failed"] = Field(description="ok: measured, although single metrics may have broken")
    system: SystemRecord
    protocol: Protocol = Field(description="the whole protocol")
    fingerprint: str = Field(
        description="fingerprint of the protocol's conditions; only results with equal ones compare"
    )
    codebooks: list[CodebookRecord] = Field(default_factory=list)
    dataset: DatasetRecord | None = None
    metrics: dict[str, Estimate] = Field(default_factory=dict, description="snake_case name -> estimate")
    cost: Cost | None = None
    samples: str | None = Field(
        default=None, max_length=LONGEST_NAME, description="file name of the per-sample values beside this file"
    )
    kept: list[KeptRecord] = Field(default_factory=list, description="samples to look at, chosen by index alone")
    environment: dict[str, Any] = Field(description="git, packages, hardware, flags")
    started: str = Field(description="UTC, ISO 8601")
    finished: str = Field(description="UTC, ISO 8601")
    errors: list[ErrorRecord] = Field(default_factory=list)
    warnings: list[str] = Field(
        default_factory=list, description="what makes the numbers doubtful although they could be measured"
    )
    sweep: Sweep | None = Field(default=None, description="the rows of a task that measures at several settings")
    trainings: Trainings | None = Field(default=None, description="what was seen while the system was trained")

    def fingerprint_of(self, value: str) -> str:
        """The fingerprint of the metric that gave a value, or that it was made of; empty where the task gave it.

        Two values compare if these and the fingerprints of the conditions are equal.

        Raises:
            KeyError: the result has no such value.
        """
        metric = self.metrics[value].metric
        return self.protocol.fingerprint_of(metric) if metric else ""


class Run:
    """A directory of results: ``results/NAME.json`` and per-sample values ``results/NAME.parquet``.

    Kept samples are ``results/kept/NAME/INDEX.png`` (or ``.wav``), and their originals, which the systems share,
    ``results/kept/originals-FINGERPRINT/INDEX.png``. ``results/dependencies/NAME.json`` lists what the system imported
    and read, with paths of this machine; it is used for nothing but resuming. ``results/partial/NAME/`` holds
    where a cell is that is being measured or was cut off.

    A result is written last and whole, so a file that is there is complete; what a kill leaves
    behind is at most a temporary file that is never read. A system measured again under the same
    protocol, metrics included, replaces its result.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / "results"

    def file_of(self, system: str, protocol: Protocol) -> Path:
        """The file for the result of a system under a protocol; the slug is for people, the hash is unique."""
        return self.folder / f"{self.beginning(system, protocol.task)}{digest([system, protocol.identity])[:10]}.json"

    @staticmethod
    def beginning(system: str, task: str) -> str:
        """What the names of result files of a system and a task begin with."""
        slug = re.sub(r"[^A-Za-z0-9.@+_-]+", "-", system)[-60:].strip("-.") or "system"
        return f"{slug}--{task}--"

    def find(self, file: Path, key: str) -> Result | None:
        """The finished result in ``file`` if it is valid under this key and nothing in it failed, else None."""
        return self.look(file, key)[0]

    def look(self, file: Path, key: str) -> tuple[Result | None, str]:
        """As :meth:`find`, and what the system read that changed, if a finished result is no longer valid for it."""
        try:
            result = read_result(file)
        except BenchError:
            return None, ""
        whole = result.status == "ok" and not any(estimate.broken for estimate in result.metrics.values())
        if result.key != key or not whole:
            return None, ""
        read = dependencies.read(self.dependencies_of(file))
        # The code and the arguments of the bench's own systems are all that they depend on.
        unknown = "" if result.system.target.startswith("bench.") else "the record of what it read is gone"
        changed = read.changed() if read else unknown
        return (None, changed) if changed else (result, "")

    def write(
        self,
        file: Path,
        result: Result,
        samples: Mapping[str, Sequence[Any]] | None,
        kept: Sequence[Kept] = (),
        read: dependencies.Dependencies | None = None,
    ) -> Result:
        """Write kept samples and per-sample values, then the result, and return it with their paths.

        Each file is whole or absent.

        Args:
            file: where the result belongs (:meth:`file_of`).
            samples: the values of each sample, by column.
            read: what the system imported and read.
        """
        if read:
            write_atomic(self.dependencies_of(file), read.model_dump_json(indent=1).encode())
        result = result.model_copy(update={"kept": [self._keep(file, result, sample) for sample in kept]})
        if samples:
            table = file.with_suffix(".parquet")
            write_atomic(table, parquet_bytes(samples))
            result = result.model_copy(update={"samples": table.name})
        write_atomic(file, readable_json(result.model_dump(mode="json")).encode())
        self._forget(file, result)
        return result

    def dependencies_of(self, file: Path) -> Path:
        """The file for the record of what the system of a result imported and read."""
        return self.folder / "dependencies" / file.name

    def partial_of(self, file: Path) -> Path:
        """The folder for where a cell was when it was cut off; gone once its result is written."""
        return self.folder / "partial" / file.stem

    def _keep(self, file: Path, result: Result, sample: Kept) -> KeptRecord:
        """Write one kept sample; an original that was written for another system is left alone."""
        name = f"{sample.index:06d}{sample.suffix}"
        original, reconstruction = (
            f"kept/{folder}/{name}" for folder in (f"originals-{result.fingerprint}", file.stem)
        )
        for path, data in (
            (self.folder / original, sample.original),
            (self.folder / reconstruction, sample.reconstruction),
        ):
            if not (path.is_file() and path.read_bytes() == data):
                write_atomic(path, data)
        return KeptRecord(id=sample.id, index=sample.index, original=original, reconstruction=reconstruction)

    def _forget(self, file: Path, result: Result) -> None:
        """Remove samples that an earlier result in this file kept."""
        ours = {self.folder / record.reconstruction for record in result.kept}
        for path in set((self.folder / "kept" / file.stem).glob("[0-9]*")) - ours:
            path.unlink()

    def results(self) -> Iterator[Result]:
        """All results of the run in the order of their file names."""
        for file in self.files():
            yield read_result(file)

    def files(self) -> list[Path]:
        """The result files, sorted by name."""
        return sorted(self.folder.glob("*.json"))


def broken_metrics(estimates: Mapping[str, Estimate]) -> list[str]:
    """Why metrics broke, each reason once; metrics that are unavailable, as for lack of weights, are not broken."""
    return list(dict.fromkeys(estimate.lacking for estimate in estimates.values() if estimate.broken))


def result_files(path: Path) -> list[Path]:
    """The result files of a run directory, of a folder of run directories or of result files, or of a single file."""
    if path.is_file():
        return [path]
    if (path / "results").is_dir():
        return Run(path).files()
    if runs := sorted(folder.parent for folder in path.glob("*/results")):
        return [file for run in runs for file in Run(run).files()]
    return sorted(path.glob("*.json"))


def read_result(file: Path) -> Result:
    """The result in a file, migrated to the current schema.

    Raises:
        BenchError: the file cannot be read, is not a result, or holds impossible values; the message names it.
    """
    try:
        text = read_stored(file)
        document = parse_json(text)  # unlike pydantic's, it rejects duplicate keys, NaN and infinities
        result = Result.model_validate(migrated(document))
        _require_possible(result)
    except OSError as error:
        raise BenchError(f"{file}: {error.strerror}") from error
    except ValidationError as error:
        raise BenchError(f"{file}: not a result of schema {SCHEMA_VERSION}: {problems(Result, error)[0]}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{file}: not a result of schema {SCHEMA_VERSION}: {error}") from error
    except ValueError as error:
        raise BenchError(f"{file}: {error}; the file was edited or damaged, so measure it again") from error
    return result


def _require_possible(result: Result) -> None:
    """ValueError if one of its values is impossible."""
    for name, estimate in result.metrics.items():
        if problem := contradiction(estimate):
            raise ValueError(f"{name}: {problem}")
        if estimate.metric and estimate.metric not in result.protocol.metrics:
            raise ValueError(f"{name}: given by {estimate.metric}, which the protocol does not measure")


def contradiction(estimate: Estimate) -> str:
    """Why an estimate of finite numbers is impossible, or too large to compute with; empty if it is neither."""
    value, (low, high) = estimate.value, estimate.interval or (-math.inf, math.inf)
    numbers = [abs(number) for number in (value, estimate.stderr, *(estimate.interval or ())) if number is not None]
    if estimate.stderr is not None and estimate.stderr < 0:
        return f"the standard error {estimate.stderr:g} is negative"
    if max(numbers, default=0) > LARGEST:
        return f"{max(numbers):g} is beyond {LARGEST:g}"
    slack = ROUNDING * max(1.0, *numbers) if numbers else 0.0
    if low > high or (value is not None and not low - slack <= value <= high + slack):
        return f"the interval [{low:g}, {high:g}] does not hold the value {value}"
    return ""


def read_samples(file: Path, result: Result) -> dict[str, list[Any]]:
    """The per-sample values that belong to a result file, by column: from Parquet in a run, from CSV in a baseline.

    Raises:
        BenchError: the file is missing or damaged.
    """
    return {} if result.samples is None else read_table(file.parent / result.samples, file.name)
