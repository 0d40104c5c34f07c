"""Learned perceptual image patch similarity."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field

from bench.contracts.stats import Estimate
from bench.machine.precision import exact_float32
from bench.metrics.base import Batch, PerSampleMetric, Settings
from bench.modalities.image.extractors.shared import load_state
from bench.modalities.image.metrics.pairs import explain_failures, image_pairs

CHUNK = {"cpu": 1, "cuda": 32}
"""Pairs of images at once: on a processor one, so that a value does not depend on the batch."""
BACKBONES = {"alex": "AlexNet", "vgg": "VGG-16"}


class LPIPSSettings(Settings):
    """Settings of LPIPS; its backbone is part of its name."""

    version: Literal["0.1"] = Field(default="0.1", description="of the linear heads; 0.1 is what papers report")


class LPIPS(PerSampleMetric):
    """LPIPS of Zhang et al. 2018 (CVPR, eq. 1), at least 0; 0 for identical images.

    The network and its linear heads are torchmetrics', the backbone's ImageNet weights the verified file
    given. Images are mapped from [0, 1] to [-1, 1]; float32, whatever the system's dtype. Images with a
    side under ``shortest_side`` are too small for the backbone's poolings.
    """

    Settings = LPIPSSettings
    net: ClassVar[Literal["alex", "vgg"]]
    shortest_side: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._network: torch.nn.Module | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The network is in its file: what travels between processes is the path.
        return {**super().__getstate__(), "_network": None}

    def network(self, device: torch.device) -> torch.nn.Module:
        """The network on a device; BenchError if the file does not hold this backbone."""
        if self._network is None:
            (name,) = self.weights
            # Past nn.Module's own __setattr__, which would make it part of the metric's state.
            object.__setattr__(self, "_network", load_network(self.net, self.weight_files[name]))
            assert self._network is not None
        return self._network.to(device)

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        (output,) = self.outputs
        if min(batch.reference.shape[-2:]) < self.shortest_side:
            return {output: torch.full((len(batch.reference),), math.nan)}
        network = self.network(batch.reference.device)
        device = batch.reference.device
        pairs = image_pairs(batch, torch.float32, CHUNK.get(device.type, 1))
        with torch.inference_mode(), exact_float32(device):
            distances = [network(2 * a - 1, 2 * b - 1).flatten() for a, b in pairs]
        return {output: torch.cat(distances)}

    def compute(self) -> dict[str, Estimate]:
        reason = f"an image with a side under {self.shortest_side} pixels, or not finite"
        return {name: explain_failures(estimate, reason) for name, estimate in super().compute().items()}


class LPIPSAlex(LPIPS, line="lpips_alex"):
    """LPIPS on AlexNet, the variant for evaluation."""

    weights = ("alexnet",)
    net = "alex"
    shortest_side = 31


class LPIPSVGG(LPIPS, line="lpips_vgg"):
    """LPIPS on VGG-16, the variant that tokenizers train on."""

    weights = ("vgg16",)
    net = "vgg"
    shortest_side = 16


def load_network(net: Literal["alex", "vgg"], backbone: Path) -> torch.nn.Module:
    """torchmetrics' LPIPS network with the heads of its wheel and the backbone of a file.

    Args:
        net: name of the backbone.
        backbone: state dict in torchvision's format; only its ``features`` are read.

    Raises:
        BenchError: the file is not such a state dict.
    """
    from torchmetrics.functional.image.lpips import _LPIPS

    # On the meta device nothing is allocated or drawn at random before the real weights are put in.
    with torch.device("meta"):
        network = _LPIPS(pretrained=False, net=net, pnet_rand=True)
    network.scaling_layer = type(network.scaling_layer)()
    file = Path(inspect.getfile(_LPIPS)).parent / "lpips_models" / f"{net}.pth"
    heads = torch.load(file, map_location="cpu", weights_only=True)
    rename = partial(_renamed, list(network.state_dict()), heads)
    load_state(network, backbone, f"torchvision's {BACKBONES[net]}", rename)
    return network.requires_grad_(False).eval()


def _renamed(
    names: Sequence[str], heads: Mapping[str, torch.Tensor], backbone: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Tensors under the network's names: net.sliceS.N.* is features.N.*, lins.I.* is linI.*."""
    renamed = {}
    for name in names:
        kind, part, rest = name.split(".", 2)
        key = {"net": f"features.{rest}", "lins": f"lin{part}.{rest}"}.get(kind, name)
        source = backbone if kind == "net" else heads
        if key in source:
            renamed[name] = source[key]
    return renamed
