"""Companded samples, the oldest audio tokens: μ-law and A-law (ITU-T G.711), and linear PCM as the top row."""

from __future__ import annotations

import numpy as np
import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer

MU = 255
A = 87.6
LEVELS = 256

ULAW_BIAS, ULAW_CLIP = 33, 8158
"""Bias and clipping of G.711's μ-law on 14-bit samples: added before the segment is found; largest magnitude."""


class Companding(AudioTokenizer):
    """One of 256 codes per sample, by a logarithmic law.

    ``definition="g711"`` is the segmented law of ITU-T G.711 (1988), Tables 1 and 2, as telephones speak it: codes
    and samples equal ``lin2ulaw``, ``ulaw2lin``, ``lin2alaw`` and ``alaw2lin`` of Python's former ``audioop`` on
    16-bit samples. ``definition="continuous"`` is the smooth law that it approximates, uniformly quantized, as
    WaveNet has it (van den Oord et al. 2016, 2.2).

    Args:
        law: ``mu`` (μ = 255) or ``a`` (A = 87.6).
        rate: codes and samples per second; clips of another rate are resampled.
        definition: ``g711`` or ``continuous``.
    """

    casts = False
    rate: int

    def __init__(self, law: str = "mu", rate: int = 16000, definition: str = "g711") -> None:
        if law not in ("mu", "a"):
            raise BenchError(f"companding: law must be mu or a, not {law!r}")
        if definition not in ("g711", "continuous"):
            raise BenchError(f"{law}-law: definition must be g711 or continuous, not {definition!r}")
        self.rate = checked_rate(rate, f"{law}-law")
        self.law, self.definition = law, definition
        self.codebooks = (Codebook(LEVELS, f"1/{rate} s", float(rate)),)
        self.g711 = torch.from_numpy({"mu": ulaw_table, "a": alaw_table}[law]())

    def encode_waves(self, waves: Audio) -> Tokens:
        samples = waves.samples[:, 0].cpu().double()
        codes = self._companded(samples) if self.definition == "continuous" else self._segmented(samples)
        return Tokens(codes=(codes,), lengths=(waves.lengths,))

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        codes = tokens.codes[0].cpu()
        samples = self._expanded(codes) if self.definition == "continuous" else self.g711[codes].float() / 2**15
        return samples[:, None]

    def _segmented(self, samples: torch.Tensor) -> torch.Tensor:
        linear = torch.round(samples * 2**15).clamp(-(2**15), 2**15 - 1).long()
        return ulaw_codes(linear) if self.law == "mu" else alaw_codes(linear)

    def _companded(self, samples: torch.Tensor) -> torch.Tensor:
        magnitude = samples.abs().clamp(max=1)
        if self.law == "mu":
            curve = torch.log1p(MU * magnitude) / np.log1p(MU)
        else:
            scaled = A * magnitude
            curve = torch.where(scaled < 1, scaled, 1 + torch.log(scaled.clamp(min=1))) / (1 + np.log(A))
        return torch.floor((samples.sign() * curve + 1) / 2 * (LEVELS - 1) + 0.5).long()

    def _expanded(self, codes: torch.Tensor) -> torch.Tensor:
        curve = codes.double() / (LEVELS - 1) * 2 - 1
        magnitude = curve.abs()
        if self.law == "mu":
            magnitude = torch.expm1(magnitude * np.log1p(MU)) / MU
        else:
            scaled = magnitude * (1 + np.log(A))
            magnitude = torch.where(scaled < 1, scaled, torch.exp(scaled - 1)) / A
        return (curve.sign() * magnitude).float()


class PCM(AudioTokenizer):
    """Linear samples of 16 bits, the form that the other systems start from: the score of the originals themselves.

    Args:
        rate: samples per second; clips of another rate are resampled.
    """

    casts = False
    rate: int

    def __init__(self, rate: int = 16000) -> None:
        self.rate = checked_rate(rate, "pcm")
        self.bitrate = 16.0 * rate

    def encode_waves(self, waves: Audio) -> Tokens:
        return Tokens(payload=tuple(pcm16(clip[0]).astype("<i2").tobytes() for clip in waves.clips()))

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        clips = [from_pcm16(np.frombuffer(data, "<i2")) for data in tokens.payload]
        return Audio.of(clips, self.rate).samples


def checked_rate(rate: object, name: str) -> int:
    """A sample rate as int; BenchError unless it is a valid one."""
    if not isinstance(rate, int) or isinstance(rate, bool) or not 1000 <= rate <= 384000:
        raise BenchError(f"{name}: rate must be a whole number of samples per second from 1000 to 384000, not {rate!r}")
    return rate


def pcm16(clip: torch.Tensor) -> np.ndarray:
    """Samples in [-1, 1] as int16, rounded and clipped."""
    wide = np.round(clip.detach().cpu().double().numpy() * 2**15)
    return np.clip(wide, -(2**15), 2**15 - 1).astype(np.int16)


def from_pcm16(samples: np.ndarray) -> torch.Tensor:
    """int16 ``[time]`` as float32 ``[1, time]`` in [-1, 1]."""
    return torch.from_numpy(samples.astype(np.float32) / 2**15)[None]


def ulaw_codes(linear: torch.Tensor) -> torch.Tensor:
    """G.711 μ-law characters of 16-bit samples, int64 in [0, 255] (G.711 Table 2; all bits inverted)."""
    linear = linear >> 2
    biased = linear.abs().clamp(max=ULAW_CLIP) + ULAW_BIAS
    segment = torch.floor(torch.log2(biased.double())).long() - 5
    step = (biased >> (segment + 1)) & 15
    return torch.where(linear < 0, 0x7F, 0xFF) ^ (segment << 4 | step)


def alaw_codes(linear: torch.Tensor) -> torch.Tensor:
    """G.711 A-law characters of 16-bit samples, int64 in [0, 255] (G.711 Table 1; even bits inverted)."""
    linear = linear >> 3
    magnitude = torch.where(linear < 0, -linear - 1, linear)
    segment = (torch.floor(torch.log2(magnitude.clamp(min=1).double())).long() - 4).clamp(min=0)
    step = (magnitude >> segment.clamp(min=1)) & 15
    return torch.where(linear < 0, 0x55, 0xD5) ^ (segment << 4 | step)


def ulaw_table() -> np.ndarray:
    """The 16-bit sample that each μ-law character stands for, int16 ``[256]``."""
    code = ~np.arange(LEVELS) & 0xFF
    segment, step = code >> 4 & 7, code & 15
    magnitude = (((2 * step + ULAW_BIAS) << segment) - ULAW_BIAS) << 2
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def alaw_table() -> np.ndarray:
    """The 16-bit sample that each A-law character stands for, int16 ``[256]``."""
    code = np.arange(LEVELS) ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0)) << 3
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)
