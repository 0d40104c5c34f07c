"""How learnable the tokens of audio are: what they cost a model of tokens, in kilobits a second."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch

from bench.datasets.audio import AudioPreprocessing
from bench.datasets.base import Sample
from bench.metrics.base import Fact
from bench.modalities.audio import Sound
from bench.modelling import ModellingSettings, ModellingTask
from bench.published_modelling import ConditionSettings
from bench.reconstruction import ReconstructionSettings

SHIFT_SECONDS = 0.1
KILO = 1000.0


class AudioSettings(ModellingSettings):
    """Every choice of the task on sound."""

    preprocessing: AudioPreprocessing


class AudioChoices(ConditionSettings, AudioSettings):
    """Those of probes and of published backbones."""


class AudioTokenModelling(ModellingTask):
    """Tokens of sound: what they cost a probe, or the published backbone that speaks them."""

    name = "audio-token-modelling"
    version = 1
    modality = "audio"
    measures: ClassVar[tuple[str, ...]] = ("tokenizer", "backbone")
    choices: ClassVar[type[ReconstructionSettings]] = AudioChoices
    rates = ("codebook", "tokens_per_second", "bitrate", "bitrate_entropy")
    bits = ("bitrate_model", Fact("kbit/s", False, (0, math.inf)), KILO)

    def signals(self, settings: Any) -> Sound:
        return Sound(lambda signal: signal)

    def amounts(self, signal: Any) -> torch.Tensor:
        seconds: torch.Tensor = signal.seconds
        return seconds

    def moved(self, sample: Sample, generator: np.random.Generator) -> torch.Tensor:
        """Begun up to a tenth of a second later, so that the frames fall otherwise."""
        reach = min(round(SHIFT_SECONDS * sample.rate), sample.signal.shape[1] - 1)
        return sample.signal[:, int(generator.integers(0, reach + 1)) :]
