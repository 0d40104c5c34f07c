"""Multi-scale distances between spectrograms, as the evaluation of the Descript Audio Codec has them.

Kumar et al. 2023 (arXiv:2306.06546) measure with audiotools' ``MultiScaleSTFTLoss`` and ``MelSpectrogramLoss``,
Codec-SUPERB too; the defaults here are theirs. Computed in float64, a piece of the clip at a time, so that a long
clip costs no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from bench.errors import BenchError
from bench.metrics.base import Settings
from bench.modalities.audio.metrics.clips import ClipMetric, Scores, Undefined
from bench.modalities.audio.metrics.signal_pairs import NOT_FINITE

TOO_SHORT = "the clip is not longer than half of the longest window"
FRAMES = 1024
"""Most frames that are transformed at once."""

Bands = Callable[[np.ndarray], np.ndarray]


class SpectralSettings(Settings):
    """Settings of both distances: a sum over windows of two mean absolute differences."""

    windows: tuple[int, ...] = Field(
        default=(2048, 512), min_length=1, description="lengths of the Hann windows in samples; hops are a quarter"
    )
    floor: float = Field(default=1e-5, gt=0, description="magnitudes below it count as this in the logarithm")
    power: float = Field(default=2.0, gt=0, description="power of the magnitude within log10")
    log_weight: float = Field(default=1.0, ge=0, description="weight of the difference of logarithms")
    magnitude_weight: float = Field(default=1.0, ge=0, description="weight of the difference of magnitudes")

    @model_validator(mode="after")
    def _hops(self) -> SpectralSettings:
        if any(window < 4 or window % 4 for window in self.windows):
            raise ValueError(f"windows {self.windows}: each must be a multiple of 4, as the hop is a quarter of it")
        return self


class MelSettings(SpectralSettings):
    """Settings of the mel distance."""

    mels: tuple[int, ...] = Field(default=(150, 80), min_length=1, description="mel bands for each window")
    lowest: float = Field(default=0.0, ge=0, description="lowest frequency of the bands in Hz")
    highest: float | None = Field(default=None, gt=0, description="highest, in Hz; null is half of the sample rate")

    @model_validator(mode="after")
    def _paired(self) -> MelSettings:
        if len(self.mels) != len(self.windows):
            raise ValueError(f"{len(self.mels)} numbers of mel bands for {len(self.windows)} windows")
        return self


class STFTDistance(ClipMetric, line="stft_distance"):
    """Multi-scale STFT distance: audiotools' ``MultiScaleSTFTLoss``.

    Σ over windows of mean |log10 a^power - log10 b^power| + mean |a - b|, where a and b are the magnitudes of the
    short-time Fourier transforms (reflected at both ends by half a window, no normalization), means over channels,
    bands and frames. Neither level nor delay is compensated. At least 0, and 0 for equal signals; silence on
    either side is as good a signal as any.
    """

    reasons: ClassVar[tuple[str, ...]] = (TOO_SHORT, NOT_FINITE)
    Settings = SpectralSettings
    settings: SpectralSettings

    @staticmethod
    def score_clip(settings: SpectralSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        distances = [distance(settings, window, reference, reconstruction, np.abs) for window in settings.windows]
        return {"stft_distance": float(sum(distances))}


class MelDistance(ClipMetric, line="mel_distance"):
    """Multi-scale mel distance: audiotools' ``MelSpectrogramLoss``.

    As ``STFTDistance``, of mel spectrograms: Slaney's filters (librosa's default) on the magnitudes. With one
    window, a power of 1 and no magnitudes it is the mean absolute difference of log10 mel spectrograms.
    """

    reasons: ClassVar[tuple[str, ...]] = (TOO_SHORT, NOT_FINITE)
    Settings = MelSettings
    settings: MelSettings

    @staticmethod
    def score_clip(settings: MelSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        total = 0.0
        for window, count in zip(settings.windows, settings.mels, strict=True):
            filters = mel_filters(rate, window, count, settings.lowest, settings.highest)

            def bands(spectrum: np.ndarray, filters: np.ndarray = filters) -> np.ndarray:
                mels: np.ndarray = np.abs(spectrum) @ filters
                return mels

            total += distance(settings, window, reference, reconstruction, bands)
        return {"mel_distance": total}


def distance(
    settings: SpectralSettings, window: int, reference: np.ndarray, reconstruction: np.ndarray, bands: Bands
) -> float:
    """Weighted mean absolute differences of the bands of all frames of one window length.

    Args:
        settings: floor, power and weights.
        window: samples of a frame.
        reference, reconstruction: ``[channels, samples]``.
        bands: magnitudes ``[frames, bands]`` of complex spectra ``[frames, window / 2 + 1]``.

    Raises:
        Undefined: the clip is too short to be reflected by half a window, or not finite.
    """
    if reference.shape[1] <= window // 2:
        raise Undefined(TOO_SHORT)
    if not np.isfinite(reconstruction).all():
        raise Undefined(NOT_FINITE)
    logs = magnitudes = 0.0
    count = 0
    for original, decoded in zip(reference, reconstruction, strict=True):
        for a, b in zip(spectra(original, window), spectra(decoded, window), strict=True):
            a, b = bands(a), bands(b)
            magnitudes += float(np.abs(a - b).sum())
            # log10 of a power is that many times the log10
            logs += settings.power * float(np.abs(np.log10(a.clip(settings.floor) / b.clip(settings.floor))).sum())
            count += a.size
    return (settings.log_weight * logs + settings.magnitude_weight * magnitudes) / count


def spectra(signal: np.ndarray, window: int) -> Iterator[np.ndarray]:
    """Short-time spectra of ``[samples]``, complex128 ``[frames, window / 2 + 1]``, so many frames at a time.

    Frames are centered on every quarter of a window from the first sample on, the signal reflected at its ends, and
    weighted with a periodic Hann window: ``torch.stft`` and ``librosa.stft`` with a hop of a quarter.
    """
    padded = np.pad(signal.astype(np.float64), window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // 4]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    for start in range(0, len(frames), FRAMES):
        yield np.fft.rfft(frames[start : start + FRAMES] * hann)


@cache
def mel_filters(rate: int, window: int, count: int, lowest: float, highest: float | None) -> np.ndarray:
    """librosa's mel filters, float64 ``[window / 2 + 1, count]``.

    Raises:
        BenchError: the highest frequency is above half of the sample rate.
    """
    from librosa.filters import mel

    if highest is not None and highest > rate / 2:
        raise BenchError(f"mel bands up to {highest:g} Hz need a sample rate of {2 * highest:g} Hz or more, not {rate}")
    filters = mel(sr=rate, n_fft=window, n_mels=count, fmin=lowest, fmax=highest)
    return np.ascontiguousarray(filters.T, dtype=np.float64)
