"""Cases of the metrics for the cost of audio tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from audio_data import DECODE, ENCODE, SOUND_BOOKS, Sound, coded_sound, sound
from scipy.stats import entropy
from tester import Case


def tokens_per_second(data: Sound) -> Mapping[str, float]:
    return {"tokens_per_second": 50 + 25}


def bitrate(data: Sound) -> Mapping[str, float]:
    return {"bitrate": (50 * 4 + 25 * math.log2(6)) / 1000}


def bitrate_entropy(data: Sound) -> Mapping[str, float]:
    levels = [torch.cat(level).numpy() for level in data.codes]
    bits = [
        len(codes) * entropy(np.bincount(codes, minlength=book.size), base=2)
        for codes, book in zip(levels, SOUND_BOOKS, strict=True)
    ]
    return {"bitrate_entropy": sum(bits) / data.seconds.sum() / 1000}


def bitrate_file(data: Sound) -> Mapping[str, float]:
    return {"bitrate_file": 8 * sum(map(len, data.payload)) / data.seconds.sum() / 1000}


def real_time_factor(data: Sound) -> Mapping[str, float]:
    return {
        "encode_rtf": ENCODE,
        "encode_rtf_clip_mean": ENCODE,
        "decode_rtf": DECODE,
        "decode_rtf_clip_mean": DECODE,
    }


AUDIO_RATE_CASES = {
    "tokens_per_second": Case(tokens_per_second, source=sound),
    "bitrate": Case(bitrate, source=sound),
    "bitrate_entropy": Case(bitrate_entropy, source=sound, batching=1e-12),
    "bitrate_file": Case(bitrate_file, source=coded_sound, tolerance=1e-6),
    "real_time_factor": Case(real_time_factor, source=sound, batching=None),
}
