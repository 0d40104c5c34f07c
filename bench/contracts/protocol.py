"""The protocol: everything that makes numbers comparable, and the fingerprints of conditions and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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
    n: int = Field(description="samples in the evaluated part, including those that cannot be read")
    limit: int | None = Field(default=None, description="only the first so many samples, if given")


class MetricProtocol(BaseModel):
    """What decides the values of one metric besides the conditions: its version, its settings and its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(description="raised when the metric's values change")
    settings: dict[str, Any] = Field(default_factory=dict, description="every choice, defaults written out")
    weights: dict[str, str] = Field(default_factory=dict, description="sha256 of each weights file that it uses")


class Protocol(BaseModel):
    """What numbers were measured under: the conditions of all of them, and what each metric adds.

    Two numbers compare if and only if the fingerprints of the conditions agree and those of the metric that gave
    them do. What else was measured does not matter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str = Field(description="name of the preset it came from; not part of the fingerprint")
    task: str = Field(description="registry name of the task")
    task_version: int = Field(description="raised when the task's numbers change")
    dataset: DatasetProtocol
    settings: dict[str, Any] = Field(description="every choice of the task except its metrics, defaults written out")
    metrics: dict[str, MetricProtocol] = Field(description="metrics measured; not part of the fingerprint")
    dtype: str = Field(default="float32", description="dtype of the system's arithmetic")
    tf32: bool = Field(default=False, description="whether CUDA may round float32 products to TF32")
    seed: int = Field(default=0, description="seed of everything random")

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the conditions: first 12 hex digits of the sha256 of all fields but preset and metrics."""
        return digest(self.model_dump(mode="json", exclude={"preset", "metrics"}))[:FINGERPRINT_LENGTH]

    @property
    def identity(self) -> str:
        """The hash of conditions and metrics: the sha256, in hex, of all fields except the preset's name."""
        return digest(self.model_dump(mode="json", exclude={"preset"}))

    def fingerprint_of(self, metric: str) -> str:
        """The fingerprint of a metric: first 12 hex digits of the sha256 of its name, version, settings and weights.

        Raises:
            KeyError: the protocol does not measure the metric.
        """
        return _fingerprints(_Itself(self))[metric]

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        """The settings of each metric, by its name."""
        return {name: metric.settings for name, metric in self.metrics.items()}

    @property
    def weights(self) -> dict[str, str]:
        """The sha256 of each weights file that any metric uses, by its name and sorted by it."""
        return dict(sorted(pair for metric in self.metrics.values() for pair in metric.weights.items()))

    def setting(self, *path: str) -> Any:
        """A setting by its keys from the outermost in; None where the task has no such setting, or it is null."""
        value: Any = self.settings
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def line(self) -> str:
        """One line for people with what they must know before they compare numbers."""
        data = self.dataset
        measured = f"{self.task} v{self.task_version} · {data.name}/{data.split} · N={data.n}"
        measured += _reference(self.setting("reference"))
        return visible(f"{measured} · protocol {self.preset} [{self.fingerprint}]")


class _Itself:
    """A protocol as a key of a cache: protocols hold mappings, which have no hash."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def __hash__(self) -> int:
        return id(self.protocol)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.protocol is other.protocol


@lru_cache(maxsize=4096)
def _fingerprints(of: _Itself) -> dict[str, str]:
    """The fingerprint of each metric, cached because tables ask for them again and again."""
    return {
        name: digest([name, metric.model_dump(mode="json")])[:FINGERPRINT_LENGTH]
        for name, metric in of.protocol.metrics.items()
    }


def _reference(stated: Any) -> str:
    """The size of a set that the samples are compared with, where the settings state one."""
    if not isinstance(stated, Mapping) or not {"images", "statistics"} <= set(stated):
        return ""
    images = stated["images"]
    if not images:
        return " · reference: statistics only"
    return f" · {images} reference images{' and statistics' if stated['statistics'] else ''}"


def differences(before: Protocol, after: Protocol) -> dict[str, tuple[Any, Any]]:
    """The conditions in which two protocols differ, by dotted path, with both values."""
    return _differing(*(side.model_dump(mode="json", exclude={"preset", "metrics"}) for side in (before, after)))


def metric_differences(before: MetricProtocol, after: MetricProtocol) -> dict[str, tuple[Any, Any]]:
    """How two measurements by a metric differ, with both values, by setting, ``version`` or ``weights.FILE``."""
    left, right = (
        {**metric.settings, "version": metric.version, "weights": metric.weights} for metric in (before, after)
    )
    return _differing(left, right)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    left, right = _flat(before), _flat(after)
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
