"""ViSQOL v3, by the package visqol-python, a port of Google's."""

from __future__ import annotations

import importlib.util
from functools import cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.errors import Unavailable, with_remedy
from bench.machine.extras import remedy
from bench.machine.native_output import silenced
from bench.modalities.audio.metrics.clips import Scores, Undefined
from bench.modalities.audio.metrics.signal_pairs import (
    PAIR_REASONS,
    PackageMetric,
    PackageSettings,
    at_rate,
    mean_over_channels,
)

LOW_RATE = "the protocol's sample rate is below what the mode of ViSQOL is for"
NO_PATCH = "ViSQOL finds no voice in the reference, or the clip is too short for one of its patches"
RATES = {"speech": 16_000, "audio": 48_000}
LOWEST = {"speech": 16_000, "audio": 44_100}
"""Below it the upper bands would be empty on both sides, and count as perfect."""

Mode = Literal["speech", "audio"]
Mapping = Literal["lattice", "polynomial"]


class ViSQOLSettings(PackageSettings):
    """Settings of ViSQOL; all others are the package's defaults."""

    mode: Mode = Field(default="speech", description="speech: 16 kHz, 21 bands; audio: 48 kHz, 32 bands, an SVR")
    mapping: Mapping = Field(
        default="lattice",
        description="speech mode's map from similarity to MOS: lattice, Google's default, needs ai-edge-litert; "
        "polynomial, its earlier one, gives one to two points more on degraded speech. The modes are not comparable",
    )


class ViSQOL(PackageMetric, line="visqol"):
    """ViSQOL v3 (Chinen et al. 2020, QoMEX, arXiv:2004.09584), MOS-LQO from 1 to 5.

    Equal to ``visqol.VisqolApi().measure_from_arrays``. Signals of another rate are resampled by soxr (VHQ); the
    level of the reconstruction is matched and delays are compensated by ViSQOL itself. Mean over channels.
    """

    distribution = "visqol-python"
    imports = ("visqol",)
    preload = ("visqol", "numba")
    reasons: ClassVar[tuple[str, ...]] = (*PAIR_REASONS, LOW_RATE, NO_PATCH)
    Settings = ViSQOLSettings
    settings: ViSQOLSettings

    @classmethod
    def revision(cls, settings: Any) -> str:
        if (
            settings.mode == "speech"
            and settings.mapping == "lattice"
            and not importlib.util.find_spec("ai_edge_litert")
        ):
            raise Unavailable(
                "ViSQOL's mapping 'lattice' needs ai-edge-litert",
                with_remedy("set the mapping to 'polynomial', or install it", remedy("ai_edge_litert")),
            )
        return super().revision(settings)

    @staticmethod
    def score_clip(settings: ViSQOLSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        if rate < LOWEST[settings.mode]:
            raise Undefined(LOW_RATE)
        model_rate = RATES[settings.mode]
        score = partial(_score, settings.mode, settings.mapping, model_rate)
        return mean_over_channels(score, *at_rate(rate, model_rate, reference, reconstruction))


def _score(mode: Mode, mapping: Mapping, rate: int, reference: np.ndarray, reconstruction: np.ndarray) -> Scores:
    try:
        return {"visqol": float(scorer(mode, mapping).measure_from_arrays(reference, reconstruction, rate).moslqo)}
    except (ValueError, IndexError):  # too few samples, or an empty list of patches
        raise Undefined(NO_PATCH) from None


@cache
def scorer(mode: Mode, mapping: Mapping) -> Any:
    """The package's scorer, one per process, on one thread."""
    from visqol import VisqolApi
    from visqol.numba_accel import has_numba

    if has_numba():
        import numba

        numba.set_num_threads(1)
    api = VisqolApi()
    with silenced():
        api.create(mode=mode, use_lattice_model=mapping == "lattice" if mode == "speech" else None)
    return api
