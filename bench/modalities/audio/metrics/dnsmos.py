"""DNSMOS, a network's estimate of listeners' ratings of the reconstruction alone, by the package speechmos."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from bench.modalities.audio.metrics.clips import Scores, Undefined
from bench.modalities.audio.metrics.signal_pairs import (
    NOT_FINITE,
    SILENT_RECONSTRUCTION,
    PackageMetric,
    PackageSettings,
    at_rate,
    check,
    mean,
)

LOW_RATE = "the protocol's sample rate is below the 16 kHz of DNSMOS"
TOO_SHORT = "the clip is shorter than the settings allow"
RATE = 16_000


class DNSMOSSettings(PackageSettings):
    """Settings of DNSMOS."""

    shortest: float = Field(
        default=0.25, gt=0, description="seconds below which a clip has no value; up to 9.01 s it is repeated"
    )


class DNSMOS(PackageMetric, line="dnsmos"):
    """DNSMOS P.835 (Reddy et al. 2022, ICASSP, arXiv:2110.01763): overall, signal and background; and P.808's.

    No reference. Equal to ``speechmos.dnsmos.run`` on the reconstruction at 16 kHz (resampled by soxr, VHQ, and
    clipped to [-1, 1]): clips shorter than 9.01 s are repeated until they fill it, of longer ones windows at every
    second are averaged. MOS from 1 to 5, slightly beyond where the polynomials after the network leave that range. Mean
    over channels.
    """

    distribution = "speechmos"
    imports = ("speechmos", "onnxruntime", "librosa")
    preload = ("librosa", "onnxruntime")
    files = ("dnsmos_models/sig_bak_ovr.onnx", "dnsmos_models/model_v8.onnx")
    reasons: ClassVar[tuple[str, ...]] = (NOT_FINITE, SILENT_RECONSTRUCTION, LOW_RATE, TOO_SHORT)
    Settings = DNSMOSSettings
    settings: DNSMOSSettings

    @staticmethod
    def score_clip(settings: DNSMOSSettings, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        if rate < RATE:
            raise Undefined(LOW_RATE)
        if reconstruction.shape[1] < settings.shortest * rate:
            raise Undefined(TOO_SHORT)
        for channel in reconstruction:
            check(channel, SILENT_RECONSTRUCTION)
        (samples,) = at_rate(rate, RATE, reconstruction)
        return mean([_score(channel) for channel in samples])


def _score(reconstruction: np.ndarray) -> Scores:
    opinion = network()(reconstruction.clip(-1, 1), RATE, False)
    return {name: float(opinion[f"{name.removeprefix('dnsmos_')}_mos"]) for name in DNSMOS.outputs}


@cache
def network() -> Any:
    """The scorer of speechmos on one thread, one per process."""
    import onnxruntime
    from speechmos import dnsmos

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    class OneThread(dnsmos.DNSMOS):  # type: ignore[misc]
        def __init__(self, primary: str, p808: str) -> None:
            self.primary_model_path = primary
            self.onnx_sess, self.p808_onnx_sess = (
                onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
                for path in (primary, p808)
            )

    return OneThread(*map(str, DNSMOS.weight_paths()))
