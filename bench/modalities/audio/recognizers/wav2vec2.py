"""wav2vec 2.0 with a CTC head, by transformers."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.machine.precision import exact_float32
from bench.modalities.audio.recognizers.base import RATE, Recognizer, at_model_rate
from bench.modalities.audio.recognizers.model_files import described, loaded, located, processor, require_model_type


class Wav2Vec2CTC(Recognizer):
    """The best path, no language model (Baevski et al. 2020, arXiv 2006.11477).

    Args:
        model: ``OWNER/NAME`` on the hub.
        path: folder of a local checkpoint, with its processor.
        revision: branch, tag or commit on the hub.
        language: ISO 639-1 code of the language that the checkpoint understands.
    """

    def __init__(
        self,
        model: str = "facebook/wav2vec2-base-960h",
        path: str | None = None,
        revision: str | None = None,
        language: str = "en",
    ) -> None:
        self.checkpoint = located(path, model, revision, f"wav2vec2-ctc@{model}")
        require_model_type(self.checkpoint, "wav2vec2")
        self.languages = (language,)
        self.label = f"wav2vec2-ctc {Path(path).name if path else model} {self.checkpoint.revision[:8]}".rstrip()
        self.device = torch.device("cpu")

    def describe(self) -> dict[str, Any]:
        return described("wav2vec2-ctc", self.checkpoint, {"decoding": "best path"})

    def to(self, device: torch.device) -> Wav2Vec2CTC:
        self.device = torch.device(device)
        return self

    @cached_property
    def _model(self) -> Any:
        return loaded("Wav2Vec2ForCTC", self.checkpoint, unneeded=("masked_spec_embed",)).to(self.device)

    @cached_property
    def _processor(self) -> Any:
        return processor("Wav2Vec2Processor", self.checkpoint)

    @torch.no_grad()
    def transcribe(self, samples: np.ndarray, rate: int, language: str = "") -> str:
        waves = at_model_rate(samples, rate)
        model = self._model.to(self.device)
        if int(model._get_feat_extract_output_lengths(len(waves))) < 1:
            return ""  # shorter than one frame: no letter
        features = self._processor(waves, sampling_rate=RATE, return_tensors="pt").input_values
        with exact_float32(self.device):
            logits = model(features.to(self.device)).logits
        text: str = self._processor.batch_decode(logits.argmax(-1).cpu())[0]
        return text

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_model", "_processor")}
