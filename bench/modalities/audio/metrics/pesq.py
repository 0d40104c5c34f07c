"""Perceptual evaluation of speech quality, ITU-T P.862, by the package pesq, which holds ITU's own code."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.modalities.audio.metrics.clips import Scores, Undefined
from bench.modalities.audio.metrics.signal_pairs import (
    PAIR_REASONS,
    PackageMetric,
    PackageSettings,
    at_rate,
    mean_over_channels,
)

LOW_RATE = "the protocol's sample rate is below the 16 kHz of wide-band PESQ"
TOO_SHORT = "the clip is shorter than a quarter of a second"
NO_UTTERANCE = "P.862 finds no utterance in the reference"
NO_NUMBER = "P.862's code divides by zero on the reconstruction"
TOO_MANY = "more than the 50 utterances that P.862's code has room for; cut the clip"
UTTERANCES = 50
COUNTED_FROM = 19.0
"""Seconds up to which no clip can have too many utterances: each takes 50 windows of 4 ms, and as many of silence
less the 3 by which it is widened, until the next."""

CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)

Mode = Literal["wb", "nb"]
REASONS = (*PAIR_REASONS, TOO_SHORT, NO_UTTERANCE, NO_NUMBER, TOO_MANY)


class PESQMetric(PackageMetric):
    """Base of wide-band and narrow-band PESQ.

    Signals of another rate are resampled by soxr (VHQ). P.862 brings both to one level and compensates delays
    that vary in time, so neither counts. Mean over channels.

    P.862's code keeps 50 utterances and writes past the end of its tables when it finds more: long clips then get
    a wrong number or crash the process. Clips for which that is possible are scored in a process of their own
    that counts the utterances (``pesq_counted``), and have no value where there are more.
    """

    distribution = "pesq"
    imports = ("pesq",)
    preload = ("pesq",)
    reasons: ClassVar[tuple[str, ...]] = REASONS


class PESQWide(PESQMetric, line="pesq_wb"):
    """Wide-band PESQ at 16 kHz (P.862.2), MOS-LQO from 1.04 to 4.64; equal to ``pesq.pesq(16000, ..., "wb")``."""

    reasons: ClassVar[tuple[str, ...]] = (*REASONS, LOW_RATE)

    @staticmethod
    def score_clip(settings: PackageSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        if rate < 16000:
            raise Undefined(LOW_RATE)
        score = partial(_score, "pesq_wb", "wb", 16000)
        return mean_over_channels(score, *at_rate(rate, 16000, reference, reconstruction))


class NarrowSettings(PackageSettings):
    """Settings of narrow-band PESQ."""

    sample_rate: Literal[8000, 16000] = Field(
        default=16000,
        description="sample rate that it runs at: both are P.862's and differ a little; papers on codecs report 16000, "
        "telephony 8000. A protocol below 16 kHz has it at 8000",
    )


class PESQNarrow(PESQMetric, line="pesq_nb"):
    """Narrow-band PESQ (P.862, mapped by P.862.1), MOS-LQO from 1.02 to 4.55; equal to ``pesq.pesq(..., "nb")``."""

    Settings = NarrowSettings
    settings: NarrowSettings

    @staticmethod
    def score_clip(settings: NarrowSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        model_rate = settings.sample_rate if rate >= 16000 else 8000
        score = partial(_score, "pesq_nb", "nb", model_rate)
        return mean_over_channels(score, *at_rate(rate, model_rate, reference, reconstruction))


def _score(name: str, mode: Mode, rate: int, reference: np.ndarray, reconstruction: np.ndarray) -> Scores:
    if len(reference) > COUNTED_FROM * rate:
        return {name: counted(mode, rate, reference, reconstruction)}
    return {name: direct(mode, rate, reference, reconstruction)}


def direct(mode: Mode, rate: int, reference: np.ndarray, reconstruction: np.ndarray) -> float:
    """MOS-LQO of two signals ``[samples]`` at 8 or 16 kHz.

    Raises:
        Undefined: P.862 has no value for them.
    """
    import pesq

    try:
        return float(pesq.pesq(rate, reference, reconstruction, mode))
    except pesq.BufferTooShortError:
        raise Undefined(TOO_SHORT) from None
    except pesq.NoUtterancesError:
        raise Undefined(NO_UTTERANCE) from None
    except ValueError:  # the C code's NaN, taken for an error's number
        raise Undefined(NO_NUMBER) from None


def counted(mode: Mode, rate: int, reference: np.ndarray, reconstruction: np.ndarray) -> float:
    """MOS-LQO as ``direct`` gives it, in a process of its own, which may crash if there are too many utterances.

    Raises:
        Undefined: P.862 has no value for them, or they have more utterances than its code has room for.
    """
    pair = io.BytesIO()
    np.save(pair, np.stack([reference, reconstruction]).astype(np.float32))
    command = [sys.executable, "-m", "bench.modalities.audio.metrics.pesq_counted", mode, str(rate)]
    done = subprocess.run(command, input=pair.getvalue(), capture_output=True, check=False)
    if -done.returncode in CRASHES:
        raise Undefined(TOO_MANY)
    if done.returncode:
        raise RuntimeError(f"counting utterances failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    measured = json.loads(done.stdout)
    if measured["utterances"] > UTTERANCES:
        raise Undefined(TOO_MANY)
    if measured["utterances"] < 1:
        raise Undefined(NO_UTTERANCE)
    if measured["mos"] is None:
        raise Undefined(NO_NUMBER)
    return float(measured["mos"])
