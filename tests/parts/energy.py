"""The set metric of CONTRIBUTING's example: one class and one line, for reconstructions and for generated images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

from bench.metrics.sets.base import SetDistance
from bench.metrics.sets.features import EfficientNetSettings
from bench.registry import Entry
from bench.values import FROM_ZERO, Value

ENTRY = Entry(
    "energy",
    "energy:Energy",
    "Energy distance of EfficientNet-Lite0's pooled features",
    modality="image",
    source="Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018",
    weights=("efficientnet-lite0",),
    judges=("reconstruction", "generation"),
    values=(Value("energy", "Energy", higher_is_better=False, bounds=FROM_ZERO),),
)


class EnergySettings(EfficientNetSettings):
    """Energy distance."""

    norm: Literal["Euclidean"] = "Euclidean"


class Energy(SetDistance, line=ENTRY):
    """2 E|x - y| - E|x - x'| - E|y - y'|."""

    extractor = "efficientnet_lite0"
    Settings = EnergySettings

    def compare(self, samples: torch.Tensor, references: torch.Tensor) -> Mapping[str, float]:
        x, y = samples.double(), references.double()
        between, within = torch.cdist(x, y).mean(), torch.cdist(x, x).mean() + torch.cdist(y, y).mean()
        return {"energy": float(2 * between - within)}
