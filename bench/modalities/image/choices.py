"""Settings of image tasks beyond preprocessing and what is scored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bench.learning.pretrained_modeling import ConditionSettings
from bench.learning.probe import ProbeSettings
from bench.learning.study import ModelingSettings
from bench.measuring.dataset_task import DatasetSettings
from bench.modalities.image.datasets.images import ImagePreprocessing
from bench.modalities.image.generation.by_probes import GenerationSettings
from bench.modalities.image.signal import ImageFinish


class ReconstructionChoices(DatasetSettings):
    """Settings of image-recon."""

    preprocessing: ImagePreprocessing
    reconstruction: ImageFinish = ImageFinish()
    reference: Literal["input"] = Field(default="input", description="set that rFID and its kin compare with")


class _OfTokens(ModelingSettings):
    preprocessing: ImagePreprocessing
    probe: ProbeSettings = ProbeSettings(views=8)


class ModelingChoices(ConditionSettings, _OfTokens):
    """Settings of token-modelling, those of probes and of pretrained backbones."""


class ProbeChoices(_OfTokens):
    """Settings of ntp-probe."""

    reconstruction: ImageFinish = ImageFinish()  # type: ignore[assignment]
    probe: ProbeSettings = ProbeSettings(views=8, repeats=3)
    generation: GenerationSettings = GenerationSettings()
