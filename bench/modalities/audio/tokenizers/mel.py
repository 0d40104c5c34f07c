"""Mel-spectrogram tokens, the surveys' continuous tokens of audio, and their Griffin-Lim inverse."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from bench.contracts.tokens import Tokens
from bench.errors import BenchError, Unavailable, whole_number
from bench.machine.extras import remedy
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer
from bench.modalities.audio.tokenizers.companding import checked_rate

LOG_FLOOR = 1e-5
"""Smallest magnitude of a mel band before the logarithm, as HiFi-GAN and most vocoders have it."""


class MelGriffinLim(AudioTokenizer):
    """Log-mel frames of 50 ms every 12.5 ms with 80 bands up to half the rate, Tacotron's (Wang et al. 2017, Table 1).

    A token is the natural logarithm of the mel magnitudes of a frame (Slaney's filters, Hann window), which the
    filters' pseudo-inverse, negatives cut off, turns back into a spectrum; its phases are found by the fast
    Griffin-Lim algorithm (Perraudin et al. 2013) of librosa from phases of zero, so that the output is
    deterministic.

    Args:
        mels: number of mel bands.
        iterations: iterations of Griffin-Lim.
        rate: samples per second.
        window: seconds of a frame.
        hop: seconds from one frame to the next.
    """

    casts = False
    rate: int

    def __init__(
        self, mels: int = 80, iterations: int = 32, rate: int = 16000, window: float = 0.05, hop: float = 0.0125
    ) -> None:
        try:
            from librosa import griffinlim, stft
            from librosa.filters import mel
        except ImportError as error:
            raise Unavailable(f"mel: librosa cannot be imported ({error})", remedy("librosa")) from error
        self.stft, self.griffinlim = stft, griffinlim
        self.rate = checked_rate(rate, "mel")
        self.iterations = whole_number("mel: iterations", iterations, 0, 100_000)
        self.window, self.hop = round(window * rate), round(hop * rate)
        if not 0 < self.hop <= self.window // 2:
            raise BenchError(f"mel: hop {hop} s must be positive and at most half the window of {window} s")
        if not isinstance(mels, int) or not 1 <= mels <= self.window // 4:
            raise BenchError(f"mel: {mels} bands; a window of {self.window} samples has room for {self.window // 4}")
        self.latent_rate = rate / self.hop
        self.filters = mel(sr=rate, n_fft=self.window, n_mels=mels)
        self.inverse = np.linalg.pinv(self.filters)

    def encode_waves(self, waves: Audio) -> Tokens:
        frames = [self._log_mel(clip[0].cpu().numpy()) for clip in waves.clips()]
        return Tokens(
            latents=pad_sequence(frames, batch_first=True), lengths=(torch.tensor([len(one) for one in frames]),)
        )

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None and tokens.signal_lengths is not None
        positions, lengths = tokens.positions(0).tolist(), tokens.signal_lengths.tolist()
        clips = [
            torch.from_numpy(self._wave(row[:count].numpy(), length))[None]
            for row, count, length in zip(tokens.latents.cpu(), positions, lengths, strict=True)
        ]
        return Audio.of(clips, self.rate).samples

    def _log_mel(self, clip: np.ndarray) -> torch.Tensor:
        """``[frames, mels]`` of samples ``[time]``; frames are centered, the ends padded with zeros."""
        spectrum = np.abs(self.stft(clip, n_fft=self.window, hop_length=self.hop))
        return torch.from_numpy(np.log(np.maximum(self.filters @ spectrum, LOG_FLOOR)).T.copy())

    def _wave(self, frames: np.ndarray, length: int) -> np.ndarray:
        spectrum = np.maximum(self.inverse @ np.exp(frames.T), 0).astype(np.float32)
        wave: np.ndarray = self.griffinlim(
            spectrum, n_iter=self.iterations, hop_length=self.hop, n_fft=self.window, init=None, length=length
        )
        return wave.astype(np.float32)
