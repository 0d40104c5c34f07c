"""Plug-ins, one of each kind."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from bench.tasks.reconstruction import Reconstruction
from torch.nn import functional as F

from bench.backbones.raster import Raster
from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import Dataset, Sample
from bench.machine.canonical import digest
from bench.metrics.base import Batch, PerSampleMetric
from bench.modalities.audio.recognizers.base import Recognizer
from bench.modalities.image.datasets.images import ImagePreprocessing
from bench.quantizers.base import Quantizer
from bench.registry import Entry
from bench.tokenizers.base import Tokenizer
from bench.values import Value, by_name


class Blocks(Tokenizer):
    """Eight levels of the mean of each 8x8 block of each channel."""

    codebooks = (Codebook(8**3, "8x8 pixels"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        levels = torch.round(F.avg_pool2d(batch, 8) * 7).long()
        return Tokens(codes=(levels[:, 0] * 64 + levels[:, 1] * 8 + levels[:, 2],), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        (codes,) = tokens.codes
        levels = torch.stack([codes // 64, codes // 8 % 8, codes % 8], dim=1)
        return F.interpolate(levels.float() / 7, scale_factor=8)


class Noise(Dataset):
    """Six images of 32x32 random levels."""

    name = "plugin-noise"
    modality = "image"
    defaults = ImagePreprocessing(size=32)

    def __init__(self, settings: dict[str, Any], data: str | None = None) -> None:
        super().__init__(settings, "eval", data)

    def __len__(self) -> int:
        return 6

    def load(self, index: int) -> Sample:
        levels = np.random.default_rng(index).integers(0, 256, (3, 32, 32), dtype=np.uint8)
        return Sample(self.id(index), index, torch.from_numpy(levels))

    def id(self, index: int) -> str:
        return f"noise-{index}"

    @cached_property
    def fingerprint(self) -> str:
        return digest([self.load(index).signal.tolist() for index in range(len(self))])


class Aimless(PerSampleMetric):
    """Mean absolute error; it does not say of what."""

    outputs = by_name([Value("plugin_error", higher_is_better=False, bounds=(0, 1))])

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"plugin_error": (batch.reference - batch.reconstruction).abs().mean((1, 2, 3))}


class MeanError(Aimless):
    """Mean absolute error of images."""

    modality = "image"


class Deaf(Recognizer):
    """Hears nothing."""

    label = "deaf 1"

    def describe(self) -> dict[str, Any]:
        return {"name": "deaf", "version": 1}

    def transcribe(self, samples: np.ndarray, rate: int, language: str = "") -> str:
        return ""


class Signs(Quantizer):
    """The signs of the first coefficients."""

    ENTRY = Entry("plugin-signs", "", "Signs of the first coefficients", tokens="discrete")

    def __init__(self, bits: int) -> None:
        self.sizes = (2**bits,)
        self.coded = bits

    @classmethod
    def at(cls, bits: int, levels: int) -> Signs:
        return cls(bits)

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        self.scale = vectors[:, : self.coded].abs().mean(0)

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        return ((vectors[:, : self.coded] > 0) * 2 ** torch.arange(self.coded)).sum(1, keepdim=True)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return (codes // 2 ** torch.arange(self.coded) % 2 * 2 - 1) * self.scale


class PluginRaster(Raster):
    """Raster order under another name."""


class PluginReconstruction(Reconstruction):
    """Image reconstruction under another name."""

    ENTRY = Entry("plugin-recon", "", "Image reconstruction under another name", modality="image")
