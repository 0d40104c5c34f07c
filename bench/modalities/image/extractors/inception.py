"""InceptionV3 of 2015-12-05 as torch-fidelity defines it: the features of FID, KID and the Inception Score.

The blocks are torch-fidelity's own; what is added is speed. Batch norm is folded into the convolutions,
layout and batch suit the device, and the resize interpolates along one axis before the other instead of
gathering four corners, in the same order of float32 operations, so that its output is bit for bit the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import (
    BasicConv2d,
    InceptionA,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE_1,
    InceptionE_2,
)

from bench.modalities.image.extractors.joined import join
from bench.modalities.image.extractors.shared import Serving, features_of, folded, load_state

SIZE = 299
CLASSES = 1008
SPATIAL_CHANNELS = 7

_Net = TypeVar("_Net", bound="Inception")


class Inception(nn.Module):
    """Pool features ``pool`` ``[batch, 2048]`` and logits without bias ``logits`` ``[batch, 1008]``.

    They are torch-fidelity's layers ``2048`` (FID, KID) and ``logits_unbiased`` (IS).
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            OrderedDict(
                Conv2d_1a_3x3=BasicConv2d(3, 32, kernel_size=3, stride=2),
                Conv2d_2a_3x3=BasicConv2d(32, 32, kernel_size=3),
                Conv2d_2b_3x3=BasicConv2d(32, 64, kernel_size=3, padding=1),
                MaxPool_1=nn.MaxPool2d(kernel_size=3, stride=2),
                Conv2d_3b_1x1=BasicConv2d(64, 80, kernel_size=1),
                Conv2d_4a_3x3=BasicConv2d(80, 192, kernel_size=3),
                MaxPool_2=nn.MaxPool2d(kernel_size=3, stride=2),
                Mixed_5b=InceptionA(192, pool_features=32),
                Mixed_5c=InceptionA(256, pool_features=64),
                Mixed_5d=InceptionA(288, pool_features=64),
                Mixed_6a=InceptionB(288),
                Mixed_6b=InceptionC(768, channels_7x7=128),
                Mixed_6c=InceptionC(768, channels_7x7=160),
                Mixed_6d=InceptionC(768, channels_7x7=160),
                Mixed_6e=InceptionC(768, channels_7x7=192),
                Mixed_7a=InceptionD(768),
                Mixed_7b=InceptionE_1(1280),
                Mixed_7c=InceptionE_2(2048),
            )
        )
        self.fc = nn.Linear(2048, CLASSES)
        self.serving = Serving.on(torch.device("cpu"))

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features of images ``[batch, 3, height, width]`` of any size, uint8 or in [0, 1]."""
        return features_of(images, self.serving, self._features)

    def _features(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        pool = self.body(self._prepared(images)).mean((2, 3))
        return {"pool": pool, "logits": pool.mm(self.fc.weight.T)}

    def _prepared(self, images: torch.Tensor) -> torch.Tensor:
        """Images uint8 as the network takes them, float32 ``[batch, 3, 299, 299]``."""
        return ((resize(images, SIZE) - 128) / 128).contiguous(memory_format=self.serving.layout)


class SpatialInception(Inception):
    """As Inception, with ``spatial`` ``[batch, 2023]``, the features of sFID, out of the same pass.

    They are the first 7 of the 192 channels that the 1x1 branch of ``Mixed_6d`` gives after batch norm and
    ReLU, 17 x 17 positions each, channels last: ``mixed_6/conv:0[..., :7]`` of guided-diffusion's
    ``evaluations/evaluator.py``, flattened as there, so that they fit the statistics in its reference files.
    """

    def _features(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self._prepared(images)
        for name, part in self.body.named_children():
            x = part(x)
            if name == "Mixed_6d":  # the output of the 1x1 branch comes first
                spatial = x[:, :SPATIAL_CHANNELS].permute(0, 2, 3, 1).flatten(1)
        pool = x.mean((2, 3))
        return {"pool": pool, "logits": pool.mm(self.fc.weight.T), "spatial": spatial}


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """TensorFlow 1's ``resize_bilinear`` without aligned corners and without antialiasing.

    Args:
        images: ``[batch, channels, height, width]``.
        size: height and width of the result.

    Returns:
        float32 ``[batch, channels, size, size]``, equal to torch-fidelity's
        ``interpolate_bilinear_2d_like_tensorflow1x`` in every bit.
    """
    x = images.float()
    for axis in (3, 2):
        low, high, weight = _taps(x.shape[axis], size, x.device)
        below, above = x.index_select(axis, low), x.index_select(axis, high)
        x = below + (above - below) * (weight if axis == 3 else weight[:, None])
    return x


def _taps(old: int, new: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lower and upper neighbor of each output position, and the weight of the upper."""
    position = torch.arange(new, dtype=torch.float32, device=device) * torch.tensor(old / new, dtype=torch.float32)
    low = position.long()
    return low, (low + 1).clamp_max(old - 1), position - low.float()


def load(weights: Path, device: torch.device) -> Inception:
    """The network with a weights file in torch-fidelity's format.

    Raises:
        BenchError: the file is not in this format.
    """
    return _load(Inception, weights, device)


def load_spatial(weights: Path, device: torch.device) -> SpatialInception:
    """The network of ``load`` with the features of sFID as well; BenchError as there."""
    return _load(SpatialInception, weights, device)


def _load(kind: type[_Net], weights: Path, device: torch.device) -> _Net:
    with torch.device("meta"):  # the file has every weight, so none is initialized
        net = kind()
    load_state(net, weights, "torch-fidelity's InceptionV3", _renamed)
    for module in net.modules():
        if isinstance(module, BasicConv2d):
            module.conv, module.bn = folded(module.conv, module.bn), nn.Identity()
    net.serving = Serving.on(device)
    if net.serving.joined:
        join(net.body)
    return net.eval().requires_grad_(False).to(device).to(memory_format=net.serving.layout)


def _renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name if name.startswith("fc.") else f"body.{name}": value for name, value in state.items()}
