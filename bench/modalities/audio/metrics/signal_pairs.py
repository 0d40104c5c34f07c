"""What audio metrics share: checked pairs of signals, channels, and the packages that define a metric."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, Field

from bench.errors import Unavailable
from bench.machine.extras import remedy
from bench.metrics.base import Settings
from bench.modalities.audio.metrics.clips import ClipMetric, Scores, Undefined
from bench.modalities.audio.resample import resample

SILENT_REFERENCE = "the reference is silent"
SILENT_RECONSTRUCTION = "the reconstruction is silent"
NOT_FINITE = "the reconstruction is not finite"
PAIR_REASONS = (SILENT_REFERENCE, SILENT_RECONSTRUCTION, NOT_FINITE)
DIGITS = 12


def mean_over_channels(
    score: Callable[[np.ndarray, np.ndarray], Scores], reference: np.ndarray, reconstruction: np.ndarray
) -> Scores:
    """Values of each pair of channels by itself, averaged by name.

    Args:
        score: function from two signals ``[samples]`` to values by name.
        reference, reconstruction: ``[channels, samples]``.

    Raises:
        Undefined: a channel is silent (all zeros) or not finite, or ``score`` has no value for it: a mean over
            some of the channels would be another quantity.
    """
    scores = []
    for original, decoded in zip(reference, reconstruction, strict=True):
        check(decoded, SILENT_RECONSTRUCTION)
        check(original, SILENT_REFERENCE)
        scores.append(score(original, decoded))
    return mean(scores)


def check(signal: np.ndarray, silent: str) -> None:
    """Raise Undefined with the reason ``silent`` if a signal is all zeros, and if it is not finite."""
    if not np.isfinite(signal).all():
        raise Undefined(NOT_FINITE)
    if not signal.any():
        raise Undefined(silent)


def mean(each: Sequence[Scores]) -> Scores:
    """Mean over channels of each value."""
    return {name: float(np.mean([scores[name] for scores in each])) for name in each[0]}


def at_rate(rate: int, new: int, *signals: np.ndarray) -> list[np.ndarray]:
    """Signals ``[channels, samples]`` at another sample rate, by soxr's very high quality."""
    return [resample(signal, rate, new) for signal in signals]


class PackageSettings(Settings):
    """Settings of a metric that a package defines."""

    revision: str = Field(
        default="", description="package, version and sha256 of its weights; the protocol has what is installed"
    )


class PackageMetric(ClipMetric):
    """A metric whose value an installed package computes.

    Class attributes: ``distribution`` names the package as pip does, ``imports`` what must be importable, the first of
    them the package's own, ``files`` the weights within it.
    """

    distribution: ClassVar[str]
    imports: ClassVar[tuple[str, ...]]
    files: ClassVar[tuple[str, ...]] = ()
    Settings = PackageSettings
    settings: PackageSettings

    @classmethod
    def settle(cls, settings: BaseModel) -> BaseModel:
        """The settings with the revision that is installed.

        Raises:
            Unavailable: a package is missing, or the settings state another revision.
        """
        asked, installed = getattr(settings, "revision", ""), cls.revision(settings)
        if asked and asked != installed:
            raise Unavailable(
                f"{installed} is installed, but the settings state {asked}", "install that, or leave revision out"
            )
        return settings.model_copy(update={"revision": installed})

    @classmethod
    def revision(cls, settings: Any) -> str:
        """Package, version and the start of the sha256 over its weights.

        Raises:
            Unavailable: a package is missing.
        """
        for module in cls.imports:
            if importlib.util.find_spec(module) is None:
                raise Unavailable(f"{cls.__name__} needs {module}", remedy(module))
        name = f"{cls.distribution} {metadata.version(cls.distribution)}"
        if not cls.files:
            return name
        contents = hashlib.sha256()
        for file in cls.weight_paths():
            contents.update(file.read_bytes())
        return f"{name} {contents.hexdigest()[:DIGITS]}"

    @classmethod
    def weight_paths(cls) -> list[Path]:
        """Paths of the weights in the installed package, without importing it."""
        spec = importlib.util.find_spec(cls.imports[0])
        assert spec is not None and spec.submodule_search_locations is not None
        return [Path(spec.submodule_search_locations[0]) / file for file in cls.files]
