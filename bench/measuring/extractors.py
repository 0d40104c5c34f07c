"""The contract of the networks whose features set-level metrics compare.

A modality brings its extractors as registry lines of the kind ``extractors``: the target is a function that takes
the weights file and the device and returns a :class:`Network`, ``weights`` names the file, and ``args`` are the
``layers`` and the ``version`` of :class:`Extractor`. Nothing here imports torch or a network until ``load`` is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from bench import registry
from bench.errors import BenchError

if TYPE_CHECKING:
    import torch


class Network(Protocol):
    """A network with fixed weights, ready to run on its device."""

    def __call__(self, values: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Features by layer, float32 ``[batch, dim]``, of the values of a batch as they are scored.

        The network converts the values to the form that it takes: images ``[batch, 3, height, width]`` in [0, 1], or
        already uint8, become uint8.

        Raises:
            FloatingPointError: a value is NaN or infinite.
        """


@dataclass(frozen=True)
class Extractor:
    """A feature extractor: a network, its weights and the layers whose features it gives.

    Attributes:
        name: what metrics ask for.
        target: ``module:function``; the function takes the weights file and the device, and returns a Network.
        weights: name of its file in ``bench/machine/weights.py``.
        layers: dimension of each layer's features.
        version: raised when the features change, which invalidates cached references.
    """

    name: str
    target: str
    weights: str
    layers: Mapping[str, int]
    version: int = 1

    def load(self, weights: Path, device: torch.device) -> Network:
        """The network on a device.

        Raises:
            BenchError: the file does not hold its weights.
        """
        return cast(Network, registry.load(self.target)(weights, device))


def get(name: str) -> Extractor:
    """The extractor of a registry line.

    Raises:
        UnknownName: there is none of that name.
        BenchError: its line does not name one weights file and the layers.
    """
    entry = registry.get("extractors", name)
    if len(entry.weights) != 1 or "layers" not in entry.args:
        raise BenchError(f"extractor {name}: its registry line must name one weights file, and layers in args")
    return Extractor(name, entry.target, entry.weights[0], **entry.args)
