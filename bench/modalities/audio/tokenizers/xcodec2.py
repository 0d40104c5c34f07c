"""Audio tokenizers of transformers with one codebook and a semantic encoder: Xcodec2Model, NeuCodecModel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from bench.contracts.tokens import Tokens
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import resampled
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure
from bench.tokenizers.checkpoint_files import require
from bench.tokenizers.pretrained import model_class
from bench.tokenizers.transformers_models import load_transformers


class Xcodec2(PretrainedAudioTokenizer):
    """X-codec2 (Ye et al. 2025, arXiv 2502.04128): a scalar-quantized product codebook of 65536 entries.

    The model sees the waveform and filter-bank features of it, both from the library's feature extractor,
    which appends one zero and pads to whole hops: a clip of ``n`` samples has ``n // hop + 1`` codes.

    Args:
        path, repo, subfolder, revision, offline, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    library_class: ClassVar[str] = "Xcodec2Model"
    extractor_class: ClassVar[str] = "Xcodec2FeatureExtractor"

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        weights: str | None = None,
    ) -> None:
        # The library imports it while it loads the model, and then its constants would be on the meta device.
        require("torchaudio.compliance.kaldi")
        checkpoint, model = load_transformers(
            self.library_class, path, repo, subfolder, revision, offline, weights=weights
        )
        super().__init__(checkpoint, model, self.structure_of(model))
        self.input_rate, self.input_hop = self.input_of(model.config)
        self.extractor = model_class("transformers", self.extractor_class)(
            sampling_rate=self.input_rate, hop_length=self.input_hop
        )

    @staticmethod
    def input_of(config: Any) -> tuple[int, int]:
        """The encoder's sample rate, and its samples per code."""
        return config.sampling_rate, config.hop_length

    @staticmethod
    def structure_of(model: Any) -> Structure:
        """Rates and codebook of a model; from its configuration alone, not its weights."""
        config = model.config
        return Structure(config.sampling_rate, config.hop_length, (math.prod(config.quantization_levels),))

    def positions(self, samples: int) -> tuple[int, ...]:
        return (samples // self.input_hop + 1,)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        seen = self.extractor(
            [wave[0].float().cpu() for wave in waves], sampling_rate=self.input_rate, return_tensors="pt"
        )
        codes = self.model.encode(
            seen["input_values"].to(self.device, self.dtype),
            seen["input_features"].to(self.device, self.dtype),
            input_features_mask=seen["input_features_mask"].to(self.device),
        ).audio_codes
        return list(codes.unbind(1))

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.decode(torch.stack(codes, 1)).audio_values
        return waves


class NeuCodec(Xcodec2):
    """NeuCodec (arXiv 2509.09550, github.com/neuphonic/neucodec): X-codec2's architecture, 16 kHz in and 24 kHz out.

    Its rate here is that of what it returns; what it encodes is brought to 16 kHz from there. A clip of ``n``
    samples at 16 kHz has ``n // hop`` codes, at least one: the end of the clip has none.
    """

    library_class = "NeuCodecModel"
    extractor_class = "NeuCodecFeatureExtractor"

    @staticmethod
    def input_of(config: Any) -> tuple[int, int]:
        return config.input_sampling_rate, config.encoder_hop_length

    @staticmethod
    def structure_of(model: Any) -> Structure:
        config = model.config
        return Structure(config.output_sampling_rate, config.hop_length, (math.prod(config.quantization_levels),))

    def positions(self, samples: int) -> tuple[int, ...]:
        # Its features start and end half a window within the clip, which costs the last frame.
        return (samples // self.input_hop,)

    def encode_waves(self, waves: Audio) -> Tokens:
        there = resampled(waves, self.input_rate)
        missing = max(0, self.input_hop - there.samples.shape[2])
        return super().encode_waves(Audio(F.pad(there.samples, (0, missing)), there.rate, there.lengths + missing))
