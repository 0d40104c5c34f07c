"""What a survey claims of codebook collapse: which families of quantizers prevent it, and which remedies help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.contracts import spec_text
from bench.contracts.settings import problems
from bench.errors import BenchError
from bench.reported.model import LOADER

FILE = Path(__file__).parent / "claims" / "discrete-tokenization.yaml"
Prevents = Literal["no", "partially", "yes"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Family(_Strict):
    """A family of quantizers as table 1 of the survey judges it."""

    family: str
    section: str = Field(description="where the survey describes it")
    prevents: Prevents = Field(description="whether it prevents collapse, as the survey claims")
    reason: str
    systems: tuple[str, ...] = Field(
        default=(), description="names of bottlenecks that belong to it where they are trained without a remedy"
    )
    suite: str = Field(default="", description="a suite that measures it where there is no codebook to train")
    why: str = Field(default="", description="why it cannot be trained here")
    remark: str = Field(default="", description="what a reader must know of how it is trained here")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Family:
        if bool(self.systems) == bool(self.why):
            raise ValueError(f"{self.family}: say which systems belong to it, or why none does, and not both")
        return self

    def covers(self, entry: str) -> bool:
        """Whether a bottleneck of that name belongs to it."""
        return any(fnmatchcase(entry, pattern) for pattern in self.systems)


class Method(_Strict):
    """A remedy that the survey names."""

    method: str
    refs: str = Field(default="", description="its numbers in the survey's list of references")
    source: str = Field(default="", description="where it is from, if the survey does not name it as a remedy")
    by: tuple[str, ...] = Field(
        default=(), description="arguments KEY=NAME of bottlenecks, or bottlenecks, that are it; * is anything"
    )
    why: str = Field(default="", description="why nothing of the bench is it")

    @model_validator(mode="after")
    def _says_something(self) -> Method:
        if bool(self.by) == bool(self.why):
            raise ValueError(f"{self.method}: say which arguments are it, or why none is, and not both")
        return self

    def matched(self, entry: str, arguments: Mapping[str, Any]) -> str | None:
        """The argument of a bottleneck that is this remedy; empty if the bottleneck itself is, None if neither."""
        for key, value in arguments.items():
            text = f"{key}={spec_text.name_and_rest(str(value))[0]}"
            if any(fnmatchcase(text, pattern) for pattern in self.by):
                return key
        return "" if any(fnmatchcase(entry, pattern) for pattern in self.by) else None


class Remedies(_Strict):
    """Remedies of one kind, with what is claimed of them."""

    kind: str
    claim: str
    methods: tuple[Method, ...]


class Claims(_Strict):
    """All claims of a survey, in its order."""

    survey: str
    authors: str
    families: tuple[Family, ...]
    remedies: tuple[Remedies, ...]

    def methods(self) -> Iterable[tuple[Remedies, Method]]:
        """Yield every remedy with its kind."""
        for kind in self.remedies:
            yield from ((kind, method) for method in kind.methods)


@cache
def claims(file: Path = FILE) -> Claims:
    """Return the claims in a file.

    Raises:
        BenchError: the file does not have this form; the message says where.
    """
    try:
        return Claims(**yaml.load(file.read_text(encoding="utf-8"), LOADER))
    except ValidationError as error:
        raise BenchError(f"{file}: {problems(Claims, error)[0]}") from error
