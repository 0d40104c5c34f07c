"""PESQ of one pair with the number of utterances found, for clips that may have too many.

``python -m`` of this module with ``wb|nb RATE`` reads float32 ``[2, samples]`` as .npy from standard input and
prints ``{"mos": ..., "utterances": ...}``. It calls the C function that the package pesq wraps with a table of
utterances of our own, behind which there is room to write: the package keeps the count to itself. A process of its
own, since with too many utterances the C code may still crash.
"""

from __future__ import annotations

import ctypes
import io
import json
import math
import sys

import numpy as np
import pesq
from pesq import cypesq

ROOM = 1 << 20
_Longs, _Floats = ctypes.c_long * 50, ctypes.c_float * 50


class _Signal(ctypes.Structure):
    """SIGNAL_INFO of P.862's pesq.h."""

    _fields_ = (
        ("path_name", ctypes.c_char * 512),
        ("file_name", ctypes.c_char * 128),
        ("samples", ctypes.c_long),
        ("apply_swap", ctypes.c_long),
        ("input_filter", ctypes.c_long),
        ("data", ctypes.POINTER(ctypes.c_float)),
        ("vad", ctypes.c_void_p),
        ("log_vad", ctypes.c_void_p),
    )


class _Utterances(ctypes.Structure):
    """ERROR_INFO of P.862's pesq.h, and room behind it."""

    _fields_ = (
        ("count", ctypes.c_long),
        ("largest", ctypes.c_long),
        ("surface_samples", ctypes.c_long),
        ("crude_delay", ctypes.c_long),
        ("crude_confidence", ctypes.c_float),
        ("search_start", _Longs),
        ("search_end", _Longs),
        ("delay_estimate", _Longs),
        ("delay", _Longs),
        ("delay_confidence", _Floats),
        ("start", _Longs),
        ("end", _Longs),
        ("raw_mos", ctypes.c_float),
        ("mos", ctypes.c_float),
        ("mode", ctypes.c_short),
        ("room", ctypes.c_char * ROOM),
    )


def measure(mode: str, rate: int, reference: np.ndarray, reconstruction: np.ndarray) -> tuple[float, int]:
    """MOS-LQO as ``pesq.pesq`` gives it, NaN where it gives none, and the utterances found.

    Args:
        mode: ``wb`` or ``nb``.
        rate: 8000 or 16000.
        reference, reconstruction: float32 ``[samples]``.

    Raises:
        RuntimeError: the package does not export its C functions, or they reject the signals.
    """
    library = ctypes.CDLL(cypesq.__file__)
    try:
        select_rate, pesq_measure = library.select_rate, library.pesq_measure
    except AttributeError:
        raise RuntimeError(f"{cypesq.__file__} does not export P.862's functions; build pesq from source") from None
    flag, message = ctypes.c_long(0), ctypes.c_char_p(b"")
    outcome = ctypes.byref(flag), ctypes.byref(message)
    select_rate(ctypes.c_long(rate), *outcome)
    peak = max(np.abs(reference).max(), np.abs(reconstruction).max())
    # The C code replaces the pointers to the samples by its own copies; these arrays live until it returns.
    sides = [np.ascontiguousarray(side / peak, np.float32) for side in (reference, reconstruction)]
    signals = [_signal(side, 2 if mode == "wb" else 1) for side in sides]
    utterances = _Utterances(mode=int(mode == "wb"))
    pesq_measure(*(ctypes.byref(signal) for signal in signals), ctypes.byref(utterances), *outcome)
    if flag.value == pesq.PesqError.NO_UTTERANCES_DETECTED:
        return math.nan, 0
    if flag.value:
        raise RuntimeError(f"P.862's code gives error {flag.value}")
    return float(utterances.mos), int(utterances.count)


def _signal(samples: np.ndarray, input_filter: int) -> _Signal:
    data = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    return _Signal(b"", b"", len(samples), 0, input_filter, data, None, None)


if __name__ == "__main__":
    pair = np.load(io.BytesIO(sys.stdin.buffer.read()))
    mos, utterances = measure(sys.argv[1], int(sys.argv[2]), *pair)
    print(json.dumps({"mos": mos if math.isfinite(mos) else None, "utterances": utterances}))  # noqa: T201
