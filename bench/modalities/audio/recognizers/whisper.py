"""Whisper, by transformers."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.errors import BenchError
from bench.machine.precision import exact_float32
from bench.modalities.audio.recognizers.base import RATE, Recognizer, at_model_rate
from bench.modalities.audio.recognizers.model_files import (
    described,
    loaded,
    located,
    processor,
    require_model_type,
    settings_of,
)

WINDOW = 30 * RATE
GENERATION = "generation_config.json"


class Whisper(Recognizer):
    """Transcription at temperature 0, of one clip at a time (Radford et al. 2022, arXiv 2212.04356).

    A clip of up to 30 s is one window, without timestamps. A longer one goes through the paper's sequential
    algorithm (sec. 4.5) with timestamps, window by window, none conditioned on the text before it; without its
    repetitions at higher temperatures, which are random. Whisper may write words where nothing is said: they
    are insertions like any other.

    Args:
        model: size (``tiny`` to ``large-v3``, ``tiny.en``) or ``OWNER/NAME`` on the hub.
        path: folder of a local checkpoint, with its processor.
        revision: branch, tag or commit on the hub.
        beams: number of beams; 1 is greedy search.
    """

    def __init__(
        self, model: str = "large-v3", path: str | None = None, revision: str | None = None, beams: int = 1
    ) -> None:
        if beams < 1:
            raise BenchError(f"beams={beams}: give at least 1")
        repo = model if "/" in model else f"openai/whisper-{model}"
        self.checkpoint = located(path, repo, revision, f"whisper@{model}")
        require_model_type(self.checkpoint, "whisper")
        self.beams = beams
        generation = settings_of(self.checkpoint, GENERATION)
        named = generation.get("lang_to_id") if generation.get("is_multilingual", True) else None
        self.multilingual = bool(named)
        self.languages = tuple(sorted(token.strip("<|>") for token in named)) if named else ("en",)
        self.label = f"whisper {Path(path).name if path else model} {self.checkpoint.revision[:8]}".rstrip()
        self.device = torch.device("cpu")

    def describe(self) -> dict[str, Any]:
        options = {
            "beams": self.beams,
            "temperature": 0,
            "task": "transcribe",
            "language": "the data set's",
            "timestamps": "only over 30 s",
            "over 30 s": "sequential, not conditioned on the text before",
        }
        return described("whisper", self.checkpoint, options)

    def to(self, device: torch.device) -> Whisper:
        self.device = torch.device(device)
        return self

    @cached_property
    def _model(self) -> Any:
        return loaded("WhisperForConditionalGeneration", self.checkpoint)

    @cached_property
    def _processor(self) -> Any:
        return processor("WhisperProcessor", self.checkpoint)

    @torch.no_grad()
    def transcribe(self, samples: np.ndarray, rate: int, language: str = "") -> str:
        waves = at_model_rate(samples, rate)
        if not len(waves):
            return ""
        long = len(waves) > WINDOW
        stretch = {"truncation": False, "padding": "longest"} if long else {}
        prepared = self._processor(
            waves, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True, **stretch
        ).to(self.device)
        options: dict[str, Any] = {"condition_on_prev_tokens": False} if long else {}
        if self.multilingual:
            options |= {"task": "transcribe", "language": language or None}
        with exact_float32(self.device):
            tokens = self._model.to(self.device).generate(
                prepared.input_features,
                attention_mask=prepared.attention_mask,
                return_timestamps=long,
                num_beams=self.beams,
                do_sample=False,
                temperature=0.0,
                **options,
            )
        text: str = self._processor.batch_decode(tokens.cpu(), skip_special_tokens=True)[0]
        return text.strip()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_model", "_processor")}
