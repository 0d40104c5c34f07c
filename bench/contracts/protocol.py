"""The protocol: everything that makes a number comparable, and its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bench.machine.canonical import digest
from bench.machine.texts import visible

FINGERPRINT_LENGTH = 12


class DatasetProtocol(BaseModel):
    """The samples that were measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="registry name of the dataset")
    split: str = Field(description="split that was evaluated")
    fingerprint: str = Field(description="sha256 over the contents of the split, in order")
    n: int = Field(description="samples in the evaluated part, those that cannot be read included")
    limit: int | None = Field(default=None, description="only the first so many samples, if given")


class Protocol(BaseModel):
    """What a number was measured under. Two numbers compare if and only if the fingerprints agree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str = Field(description="name of the preset it came from; not part of the fingerprint")
    task: str = Field(description="registry name of the task")
    task_version: int = Field(description="raised when the task's numbers change")
    dataset: DatasetProtocol
    settings: dict[str, Any] = Field(description="every choice of the task, defaults written out")
    metrics: dict[str, int] = Field(description="metrics measured, with their versions")
    weights: dict[str, str] = Field(description="sha256 of each weights file that a metric uses")
    dtype: str = Field(default="float32", description="dtype of the system's arithmetic")
    tf32: bool = Field(default=False, description="whether CUDA may round float32 products to TF32")
    seed: int = Field(default=0, description="seed of everything random")

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of the sha256 of all fields but the preset's name."""
        return digest(self.model_dump(mode="json", exclude={"preset"}))[:FINGERPRINT_LENGTH]

    def setting(self, *path: str) -> Any:
        """A setting by its keys from the outside in; None where the task has none of that name, or nothing in it."""
        found: Any = self.settings
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def line(self) -> str:
        """One line for people: what a reader must know before comparing."""
        data = self.dataset
        measured = f"{self.task} v{self.task_version} · {data.name}/{data.split} · N={data.n}"
        measured += _reference(self.setting("reference"))
        return visible(f"{measured} · protocol {self.preset} [{self.fingerprint}]")


def _reference(stated: Any) -> str:
    """The size of a set that the samples are compared with, where the settings state one."""
    if not isinstance(stated, Mapping) or not {"images", "statistics"} <= set(stated):
        return ""
    images = stated["images"]
    if not images:
        return " · reference: statistics only"
    return f" · {images} reference images{' and statistics' if stated['statistics'] else ''}"


def differences(one: Protocol, other: Protocol) -> dict[str, tuple[Any, Any]]:
    """The fields in which two protocols differ, by dotted path, with both values."""
    left, right = (_flat(p.model_dump(mode="json", exclude={"preset"})) for p in (one, other))
    keys = sorted(left.keys() | right.keys())
    return {key: (left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves
