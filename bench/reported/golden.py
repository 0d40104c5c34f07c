"""Golden checks: public files, and the numbers that a trusted evaluator prints for them.

Each is a YAML file; those that come with the package are in ``tasks/golden``:

    description: what is compared with what
    source: where the numbers are published
    protocol: adm
    samples: samples.npz
    reference: reference.npz
    files: {samples.npz: where to get it, reference.npz: where to get it}
    expected: {gfid: "3.9426"}

A number agrees if it equals the expected one at the digits that are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bench.contracts.settings import validated
from bench.contracts.stats import Estimate
from bench.contracts.suite import read_yaml, shipped
from bench.errors import BenchError

EQUAL_BY = {"inception_score_file_order": "inception_score"}
"""Values that are left out where they equal another, with the name of that other value."""


class Golden(BaseModel):
    """One golden check, as its YAML file describes it (see the module's docstring)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    source: str
    protocol: str
    samples: str
    reference: str
    files: dict[str, str] = Field(default_factory=dict, description="file: where to get it")
    expected: dict[str, str] = Field(
        min_length=1, description="value: number with the digits that must agree, quoted so that none is lost"
    )

    def missing(self, folder: Path) -> dict[str, str]:
        """Return the files that are not in the folder, with where to get each."""
        return {
            name: self.files.get(name, "") for name in (self.samples, self.reference) if not (folder / name).exists()
        }

    def verdicts(self, measured: Mapping[str, Estimate]) -> list[Verdict]:
        """Compare each expected number with the measured one."""
        return [_verdict(name, text, measured) for name, text in self.expected.items()]


@dataclass(frozen=True)
class Verdict:
    """One expected number beside the measured one.

    Attributes:
        name: name of the value.
        expected: the number as reported, with its digits.
        measured: the measured value; None if there is none.
        reason: why there is none; empty if there is a value.
    """

    name: str
    expected: str
    measured: float | None
    reason: str = ""

    @property
    def digits(self) -> int:
        """Digits of the expected number after the decimal point."""
        return len(self.expected.partition(".")[2])

    @property
    def agrees(self) -> bool:
        """Whether the measured number, rounded to the same digits, equals the expected one."""
        return self.measured is not None and f"{self.measured:.{self.digits}f}" == self.expected

    def line(self) -> str:
        """Return the comparison as one line of text."""
        start = f"{self.name:<28} expected {self.expected:>9}"
        if self.measured is None:
            return f"{start}  not measured: {self.reason}"
        difference = self.measured - float(self.expected)
        numbers = f"measured {self.measured:>{10 + 2}.{self.digits + 2}f}  difference {difference:+.{self.digits + 2}f}"
        return f"{start}  {numbers}  {'agrees' if self.agrees else 'DIFFERS'}"


def find(path: Path) -> dict[str, tuple[Golden, Path]]:
    """Find the checks of a path, by name, each with the folder that holds its files.

    Args:
        path: a folder with the files of shipped checks, or the YAML file of a custom check.

    Raises:
        BenchError: the path does not exist, or the file is not a check.
    """
    if path.is_dir():
        return {name: (_read(file), path) for name, file in shipped("golden").items()}
    if path.suffix.lower() not in (".yaml", ".yml") or not path.is_file():
        raise BenchError(f"--golden {path}: give the folder that holds the files, or the YAML file of a check")
    return {path.stem: (_read(path), path.parent)}


def _read(file: Path) -> Golden:
    return validated(Golden, read_yaml(file), str(file))


def _verdict(name: str, expected: str, measured: Mapping[str, Estimate]) -> Verdict:
    estimate = measured.get(name if name in measured else EQUAL_BY.get(name, name))
    if estimate is None:
        return Verdict(name, expected, None, "the protocol does not measure it")
    return Verdict(name, expected, estimate.value, estimate.lacking)
