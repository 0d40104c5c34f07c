"""Scale-invariant signal-to-distortion ratio, raw and after compensation of a delay, and the delay."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.metrics.base import Settings
from bench.modalities.audio.metrics.clips import ClipMetric, Scores, Undefined
from bench.modalities.audio.metrics.signal_pairs import PAIR_REASONS, mean_over_channels

ORTHOGONAL = "minus infinity: nothing of the reference is in the reconstruction"
STEP = 2.0**-15
"""Steps of 16 bits from 0 to full scale."""
BLOCK = 1 << 16
"""Most samples that are correlated at once."""


class SISDRSettings(Settings):
    """Settings of the raw ratio."""

    zero_mean: bool = Field(default=False, description="take the mean off both signals first, which makes it SI-SNR")
    ceiling: Literal["one-step"] = Field(
        default="one-step",
        description="highest value, which a reconstruction equal up to scale gets: that of an error of one step of 16 "
        "bits in one sample, 10 log10(|s|² · 2³⁰)",
    )


class DelaySettings(Settings):
    """Settings of the search for the delay."""

    longest: float = Field(
        default=100.0, gt=0, description="longest delay that is searched for, either way, in ms; at most half a clip"
    )


class AlignedSettings(SISDRSettings, DelaySettings):
    """Settings of the ratio after alignment."""


class SISDR(ClipMetric, line="si_sdr"):
    """SI-SDR = 10 log10(|αs|² / |αs - ŝ|²) dB with α = ⟨ŝ, s⟩ / |s|² (Le Roux et al. 2019, arXiv:1811.02508, eq. 5).

    Equal to torchmetrics' ``scale_invariant_signal_distortion_ratio``, which adds a rounding error to each term
    where this has none. The gain does not count, nor does its sign: a reconstruction of inverted polarity is as
    good. A delay of one sample does count. Mean over channels.

    At most the ceiling of what 16 bits can show, |s|² by the square of one step in one sample: 10 log10(|s|² · 2³⁰).
    A reconstruction that equals the reference up to scale gets it; left out as infinite, it would lower the mean.
    """

    version = 2
    reasons: ClassVar[tuple[str, ...]] = (*PAIR_REASONS, ORTHOGONAL)
    Settings = SISDRSettings
    settings: SISDRSettings

    @staticmethod
    def score_clip(settings: SISDRSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        def channel(original: np.ndarray, decoded: np.ndarray) -> Scores:
            return {"si_sdr": si_sdr(original, decoded, settings.zero_mean)}

        return mean_over_channels(channel, reference, reconstruction)


class AlignedSISDR(ClipMetric, line="si_sdr_aligned"):
    """SI-SDR of the samples that overlap once ``Delay`` is taken back; at least the raw one, mean over channels."""

    version = 2
    reasons: ClassVar[tuple[str, ...]] = (*PAIR_REASONS, ORTHOGONAL)
    Settings = AlignedSettings
    settings: AlignedSettings

    @staticmethod
    def score_clip(settings: AlignedSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        def channel(original: np.ndarray, decoded: np.ndarray) -> Scores:
            lag = best_lag(original, decoded, most_samples(settings, rate))
            return {"si_sdr_aligned": si_sdr(*overlap(original, decoded, lag), settings.zero_mean)}

        return mean_over_channels(channel, reference, reconstruction)


class Delay(ClipMetric, line="delay"):
    """Delay of the reconstruction in ms (negative: early), to one sample; mean over channels.

    The delay for which the samples that overlap have the highest SI-SDR, the shortest of several. It means
    something only where the waveform is kept: of a reconstruction that shares no more than its spectrum with the
    reference it is a chance maximum.
    """

    reasons: ClassVar[tuple[str, ...]] = PAIR_REASONS
    Settings = DelaySettings
    settings: DelaySettings

    @staticmethod
    def score_clip(settings: DelaySettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        def channel(original: np.ndarray, decoded: np.ndarray) -> Scores:
            return {"delay": 1000 * best_lag(original, decoded, most_samples(settings, rate)) / rate}

        return mean_over_channels(channel, reference, reconstruction)


def si_sdr(reference: np.ndarray, reconstruction: np.ndarray, zero_mean: bool = False) -> float:
    """SI-SDR in dB of two signals ``[samples]``, in float64, up to the ceiling of ``SISDR``.

    Raises:
        Undefined: the ratio is minus infinity.
    """
    target, estimate = reference.astype(np.float64), reconstruction.astype(np.float64)
    if zero_mean:
        target, estimate = target - target.mean(), estimate - estimate.mean()
    energy, product = float(target @ target), float(estimate @ target)
    if energy == 0 or product == 0:
        raise Undefined(ORTHOGONAL)
    part = target * (product / energy)
    error = part - estimate
    noise = float(error @ error)
    ceiling = energy / STEP**2
    signal = float(part @ part)
    return 10 * math.log10(signal / noise if signal < ceiling * noise else ceiling)


def most_samples(settings: DelaySettings, rate: int) -> int:
    """The longest delay that is searched for, in samples."""
    return round(settings.longest * rate / 1000)


def overlap(reference: np.ndarray, reconstruction: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """The parts of both signals that correspond if the reconstruction is ``lag`` samples late; views."""
    length = len(reference) - abs(lag)
    return reference[max(0, -lag) :][:length], reconstruction[max(0, lag) :][:length]


def best_lag(reference: np.ndarray, reconstruction: np.ndarray, most: int) -> int:
    """Samples by which the reconstruction is late: where the overlap's SI-SDR is highest, the shortest of several.

    SI-SDR rises with ρ², the squared correlation coefficient (without means) of the two stretches, which is what
    is compared here: the sign of the gain does not matter, and a short overlap has no advantage.

    Args:
        reference, reconstruction: ``[samples]``.
        most: longest lag either way; cut to half of the signal.
    """
    a, b = reference.astype(np.float64), reconstruction.astype(np.float64)
    most = min(most, len(a) // 2)
    lags = np.arange(-most, most + 1)
    first, second = _energies(a), _energies(b)
    late, early = lags.clip(min=0), (-lags).clip(min=0)
    energies = (first[len(a) - late] - first[early]) * (second[len(a) - early] - second[late])
    # A stretch of silence is left with the rounding errors of the sums.
    floor = 1e-12 * first[-1] * second[-1]
    squares = np.where(energies > floor, correlations(a, b, most) ** 2 / energies.clip(min=floor), 0.0)
    nearly = squares >= squares.max() * (1 - 1e-12)
    best: np.ndarray = lags[nearly][np.argmin(np.abs(lags[nearly]))]
    return int(best)


def correlations(a: np.ndarray, b: np.ndarray, most: int) -> np.ndarray:
    """Σ_t a[t] b[t + lag] for lags from ``-most`` to ``most``; long signals are summed in blocks."""
    from scipy.signal import correlate

    padded = np.pad(b, most)
    total = np.zeros(2 * most + 1)
    for start in range(0, len(a), BLOCK):
        block = a[start : start + BLOCK]
        total += correlate(padded[start : start + len(block) + 2 * most], block, mode="valid", method="fft")
    return total


def _energies(signal: np.ndarray) -> np.ndarray:
    """Energy of the first n samples, for n from 0."""
    return np.concatenate(([0.0], np.cumsum(signal**2)))
