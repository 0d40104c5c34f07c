"""Reconstruction of sound: what listeners and recognisers lose to a tokenizer of speech, and at what rate."""

from __future__ import annotations

from typing import ClassVar

from bench.measuring.reconstruction import ReconstructionSettings, ReconstructionTask
from bench.modalities.audio.datasets.audio import AudioPreprocessing
from bench.modalities.audio.signal import AudioFinish, AudioSignal


class Settings(ReconstructionSettings):
    """Every choice of the task."""

    preprocessing: AudioPreprocessing
    reconstruction: AudioFinish = AudioFinish()


class AudioReconstruction(ReconstructionTask):
    """Encode, decode, compare; clip by clip, and the words over the whole set."""

    name = "audio-recon"
    version = 1
    modality = "audio"
    choices: ClassVar[type[ReconstructionSettings]] = Settings

    def signals(self, settings: Settings) -> AudioSignal:
        return AudioSignal(settings.reconstruction)
