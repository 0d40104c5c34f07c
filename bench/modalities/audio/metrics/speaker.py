"""Whether the reconstruction sounds like the same speaker, by the encoder of the package Resemblyzer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import nn

from bench.modalities.audio.metrics.clips import Scores, Undefined
from bench.modalities.audio.metrics.signal_pairs import (
    PAIR_REASONS,
    PackageMetric,
    PackageSettings,
    at_rate,
    mean_over_channels,
)

TOO_SHORT = "the clip is shorter than the settings allow"
RATE = 16_000
HOP = RATE // 100
WINDOW = RATE // 40
MELS = 40
FRAMES = 160
"""Frames of 10 ms that the network gets at once."""
STEP = 77
"""Frames between the starts of these stretches: 1.3 per second."""
COVERAGE = 0.75
"""Share of the last stretch that must be signal."""
LEVEL = -30.0


class SpeakerSettings(PackageSettings):
    """Settings of the speaker similarity."""

    shortest: float = Field(
        default=0.25, gt=0, description="seconds below which a clip has no value; zeros fill it up to 1.6 s"
    )


class SpeakerSimilarity(PackageMetric, line="speaker_similarity"):
    """Cosine of the speaker embeddings of reference and reconstruction, in [-1, 1].

    GE2E (Wan et al. 2018, ICASSP, arXiv:1710.10467) with Resemblyzer's weights. The embedding equals
    ``VoiceEncoder().embed_utterance`` after ``normalize_volume(-30 dBFS, increase_only)``, both sides at 16 kHz
    (resampled by soxr, VHQ). Nothing else of ``preprocess_wav`` is done: its voice activity detection would cut
    different stretches out of the two, and needs packages that no longer import everywhere. Mean over channels.
    """

    distribution = "Resemblyzer"
    imports = ("resemblyzer", "librosa")
    preload = ("librosa",)
    files = ("pretrained.pt",)
    reasons: ClassVar[tuple[str, ...]] = (*PAIR_REASONS, TOO_SHORT)
    Settings = SpeakerSettings
    settings: SpeakerSettings

    @staticmethod
    def score_clip(settings: SpeakerSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        if reference.shape[1] < settings.shortest * rate:
            raise Undefined(TOO_SHORT)
        return mean_over_channels(_score, *at_rate(rate, RATE, reference, reconstruction))


def _score(reference: np.ndarray, reconstruction: np.ndarray) -> Scores:
    a, b = (embed(louder(signal)).astype(np.float64) for signal in (reference, reconstruction))
    cosine = a @ b / np.sqrt((a @ a) * (b @ b))
    return {"speaker_similarity": float(np.clip(cosine, -1, 1))}


def louder(samples: np.ndarray) -> np.ndarray:
    """``[samples]`` raised to a level of -30 dB of full scale, unless it is louder already."""
    level = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
    return samples if level > LEVEL else (samples * 10 ** ((LEVEL - level) / 20)).astype(np.float32)


def embed(samples: np.ndarray) -> np.ndarray:
    """Embedding, float32 ``[256]`` of length 1, of a signal ``[samples]`` at 16 kHz.

    The mean of the embeddings of stretches of 1.6 s, a last one with under 75% of signal left out unless it is
    the only one, zeros after the signal's end.
    """
    import librosa

    frames = -(-(len(samples) + 1) // HOP)
    starts = list(range(0, max(1, frames - FRAMES + STEP + 1), STEP))
    if len(starts) > 1 and len(samples) - starts[-1] * HOP < COVERAGE * FRAMES * HOP:
        starts.pop()
    end = (starts[-1] + FRAMES) * HOP
    padded = np.pad(samples, (0, max(0, end - len(samples))))
    mels = librosa.feature.melspectrogram(y=padded, sr=RATE, n_fft=WINDOW, hop_length=HOP, n_mels=MELS)
    stretches = torch.from_numpy(np.stack([mels.T.astype(np.float32)[start : start + FRAMES] for start in starts]))
    with torch.inference_mode():
        mean = network()(stretches).numpy().mean(0)
    embedding: np.ndarray = mean / np.linalg.norm(mean)
    return embedding


class Encoder(nn.Module):
    """Three LSTM layers and a projection; mel spectrograms ``[batch, 160, 40]`` to embeddings ``[batch, 256]``."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MELS, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(mels)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


@cache
def network() -> Any:
    """The encoder with Resemblyzer's weights, one per process; the package itself is not imported."""
    (path,) = SpeakerSimilarity.weight_paths()
    return load(path)


def load(path: Path) -> Encoder:
    """The encoder with the weights of a file of Resemblyzer's format."""
    state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    encoder = Encoder()
    # It also holds the two parameters of the training loss.
    encoder.load_state_dict({key: value for key, value in state.items() if key.startswith(("lstm", "linear"))})
    return encoder.eval()
