"""The networks whose features the set-level metrics compare, by name.

Nothing here imports torch or a network until ``load`` is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from bench.errors import UnknownName

if TYPE_CHECKING:
    import torch


class Network(Protocol):
    """A network with fixed weights, ready to run on its device."""

    def __call__(self, images: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Features by layer, float32 ``[batch, dim]``, of uint8 images ``[batch, 3, height, width]``."""


@dataclass(frozen=True)
class Extractor:
    """A feature extractor.

    Attributes:
        name: what metrics ask for.
        target: ``module:function``; the function takes the weights file and the device, and gives a Network.
        weights: name of its file in ``bench/machine/weights.py``.
        layers: dimension of each layer's features.
        version: raised when the features change, which makes cached references void.
    """

    name: str
    target: str
    weights: str
    layers: Mapping[str, int]
    version: int = 1

    def load(self, weights: Path, device: torch.device) -> Network:
        """The network on a device; BenchError if the file does not hold its weights."""
        module, _, function = self.target.partition(":")
        return cast(Network, getattr(importlib.import_module(module), function)(weights, device))


EXTRACTORS: dict[str, Extractor] = {
    extractor.name: extractor
    for extractor in (
        Extractor(
            "inception",
            "bench.modalities.image.extractors.inception:load",
            "inception-2015-12-05",
            {"pool": 2048, "logits": 1008},
        ),
        Extractor(
            "inception_spatial",
            "bench.modalities.image.extractors.inception:load_spatial",
            "inception-2015-12-05",
            {"pool": 2048, "logits": 1008, "spatial": 2023},
        ),
        Extractor(
            "efficientnet_lite0",
            "bench.modalities.image.extractors.efficientnet:load",
            "efficientnet-lite0",
            {"pool": 1280},
        ),
    )
}


def get(name: str) -> Extractor:
    """The extractor of that name; UnknownName with the near names otherwise."""
    if name not in EXTRACTORS:
        raise UnknownName("feature extractor", name, EXTRACTORS)
    return EXTRACTORS[name]
