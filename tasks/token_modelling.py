"""How learnable the tokens of images are: what they cost a model of tokens, in bits a pixel."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch

from bench.datasets.base import Sample
from bench.learning.modeling import ModellingSettings, ModellingTask
from bench.learning.pretrained_modeling import ConditionSettings
from bench.learning.probe import ProbeSettings
from bench.measuring.reconstruction import ReconstructionSettings
from bench.metrics.base import Fact
from bench.modalities.image.datasets.images import ImagePreprocessing
from bench.modalities.image.signal import ImageSignal

SHIFT_PIXELS = 16


class ImageSettings(ModellingSettings):
    """Every choice of the task on images."""

    preprocessing: ImagePreprocessing
    probe: ProbeSettings = ProbeSettings(views=8)


class ImageChoices(ConditionSettings, ImageSettings):
    """Those of probes and of published backbones."""


class TokenModelling(ModellingTask):
    """Tokens of images: what they cost a probe, or the published backbone that speaks them."""

    name = "token-modelling"
    version = 1
    modality = "image"
    measures: ClassVar[tuple[str, ...]] = ("tokenizer", "backbone")
    choices: ClassVar[type[ReconstructionSettings]] = ImageChoices
    rates = ("codebook", "tokens_per_image", "bits_per_pixel", "bits_per_pixel_entropy")
    bits = ("bits_per_pixel_model", Fact("bit/px", False, (0, math.inf)), 1.0)

    def signals(self, settings: Any) -> ImageSignal:
        return ImageSignal(torch.Tensor.float)

    def amounts(self, signal: torch.Tensor) -> torch.Tensor:
        return torch.full((len(signal),), float(math.prod(signal.shape[2:])), dtype=torch.float64)

    def moved(self, sample: Sample, generator: np.random.Generator) -> torch.Tensor:
        """Up to 16 pixels aside each way, the gap filled with the mirror image, and by chance left for right."""
        signal = sample.signal.flip(2) if generator.random() < 0.5 else sample.signal
        for axis in (1, 2):
            length = signal.shape[axis]
            reach = min(SHIFT_PIXELS, length - 1)
            places = np.arange(length) + generator.integers(-reach, reach + 1)
            mirrored = length - 1 - np.abs(length - 1 - np.abs(places))
            signal = signal.index_select(axis, torch.from_numpy(mirrored))
        return signal
