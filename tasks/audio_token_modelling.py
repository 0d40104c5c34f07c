"""How learnable the tokens of audio are: what they cost a model of tokens, in kilobits a second."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch

from bench.datasets.base import Sample
from bench.learning.modeling import ModellingSettings, ModellingTask
from bench.learning.pretrained_modeling import ConditionSettings
from bench.measuring.reconstruction import ReconstructionSettings
from bench.metrics.base import Fact
from bench.modalities.audio.datasets.audio import AudioPreprocessing
from bench.modalities.audio.signal import AudioSignal

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

    def signals(self, settings: Any) -> AudioSignal:
        return AudioSignal(lambda signal: signal)

    def amounts(self, signal: Any) -> torch.Tensor:
        seconds: torch.Tensor = signal.seconds
        return seconds

    def moved(self, sample: Sample, generator: np.random.Generator) -> torch.Tensor:
        """Begun up to a tenth of a second later, so that the frames fall otherwise."""
        reach = min(round(SHIFT_SECONDS * sample.rate), sample.signal.shape[1] - 1)
        return sample.signal[:, int(generator.integers(0, reach + 1)) :]
