"""Short-time objective intelligibility and its extension, by the package pystoi."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np

from bench.modalities.audio.metrics.clips import Scores, Undefined
from bench.modalities.audio.metrics.signal_pairs import PAIR_REASONS, PackageMetric, PackageSettings, mean_over_channels

TOO_SHORT = "under 30 frames (0.4 s) of the reference are within 40 dB of its loudest"
# pystoi's frame, in samples at its rate of 10 kHz.
FRAME = 256


class STOI(PackageMetric, line="stoi"):
    """STOI (Taal et al. 2011, IEEE TASLP 19(7)) and extended STOI (Jensen & Taal 2016, IEEE TASLP 24(11)).

    At most 1. pystoi resamples to 10 kHz itself and leaves out the frames that are silent in the reference; the
    level does not count, a delay does. Where pystoi gives 1e-5 for a clip that is too short, and 0 for silence,
    there is no value here. Mean over channels.
    """

    distribution = "pystoi"
    imports = ("pystoi",)
    preload = ("pystoi",)
    reasons: ClassVar[tuple[str, ...]] = (*PAIR_REASONS, TOO_SHORT)

    @staticmethod
    def score_clip(settings: PackageSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        def channel(original: np.ndarray, decoded: np.ndarray) -> Scores:
            return {"stoi": stoi(original, decoded, rate, False), "estoi": stoi(original, decoded, rate, True)}

        return mean_over_channels(channel, reference, reconstruction)


def stoi(reference: np.ndarray, reconstruction: np.ndarray, rate: int, extended: bool) -> float:
    """(Extended) STOI of two signals ``[samples]``.

    Raises:
        Undefined: there is too little speech.
    """
    import pystoi

    if len(reference) * 10_000 <= FRAME * rate:
        raise Undefined(TOO_SHORT)
    # The extended one adds noise of the size of a rounding error from numpy's global generator.
    state = np.random.get_state()
    np.random.seed(0)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Not enough STFT frames")
            return float(pystoi.stoi(reference, reconstruction, rate, extended=extended))
    except RuntimeWarning:
        raise Undefined(TOO_SHORT) from None
    finally:
        np.random.set_state(state)
