"""Dataset specs: what users write to name a dataset."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from bench import registry
from bench.errors import BenchError
from bench.machine.documents import parse_yaml, problem

if TYPE_CHECKING:
    from bench.datasets.base import Dataset  # imports torch

GRAMMAR = "NAME, NAME@VALUE, NAME@key=value,key=value or NAME:PATH"


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset and the arguments it was given.

    Attributes:
        text: the spec as the user wrote it, without the path; the dataset's name in protocols.
        entry: its registry line.
        args: constructor arguments that the user gave.
    """

    text: str
    entry: registry.Entry
    args: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> DatasetSpec:
        """A spec from ``NAME``, ``NAME@VALUE`` or ``NAME@key=value,key=value``.

        Raises:
            BenchError: there is no such dataset, or it takes no such argument (this imports the class).
        """
        name, mark, rest = text.partition("@")
        entry = registry.get("datasets", name)
        args: dict[str, Any] = {}
        for part in rest.split(",") if mark else ():
            key, equals, value = part.partition("=")
            if not equals:
                key, value = entry.positional or "", part
            if not key or not value:
                raise BenchError(f"data set {text!r}: write {GRAMMAR}")
            try:
                args[key] = parse_yaml(value)
            except yaml.YAMLError as error:
                raise BenchError(f"data set {text!r}: {key}={value}: {problem(error)}") from error
        spec = cls(text, entry, args)
        if args:
            try:
                inspect.signature(registry.load(entry.target)).bind(None, **entry.args, **args)
            except TypeError as error:
                raise BenchError(f"data set {text}: {error}; see bench show {name}") from error
        return spec

    def build(self, settings: dict[str, Any], data: str | None) -> Dataset:
        """The dataset under the protocol's preprocessing; ``data`` is the path it is read from, if it needs one."""
        dataset: Dataset = registry.load(self.entry.target)(settings, **{"data": data, **self.entry.args, **self.args})
        return dataset


def split_path(text: str) -> tuple[str, str | None]:
    """``NAME:PATH`` as name and path, the path None if there is none; BenchError if it is empty."""
    name, mark, path = text.partition(":")
    if mark and not path:
        raise BenchError(f"data set {text!r}: write {GRAMMAR}")
    return name, path or None
