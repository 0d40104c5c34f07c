"""Image reconstruction: what an image tokenizer loses, and at what rate."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bench.measuring.reconstruction import ReconstructionSettings, ReconstructionTask
from bench.modalities.image.datasets.images import ImagePreprocessing
from bench.modalities.image.signal import ImageFinish, ImageSignal


class Settings(ReconstructionSettings):
    """Every choice of the task."""

    preprocessing: ImagePreprocessing
    reconstruction: ImageFinish = ImageFinish()
    reference: Literal["input"] = Field(default="input", description="set that rFID and its kin compare with")


class ImageReconstruction(ReconstructionTask):
    """Encode, decode, compare; per image and as sets."""

    name = "image-recon"
    version = 1
    modality = "image"
    choices: ClassVar[type[ReconstructionSettings]] = Settings

    def signals(self, settings: Settings) -> ImageSignal:
        return ImageSignal(settings.reconstruction)
