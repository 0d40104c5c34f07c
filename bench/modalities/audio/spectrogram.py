"""A picture of a clip: time from left to right, frequency from below, level as brightness."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

import numpy as np

WINDOW, WIDTH = 512, 720
HEIGHT = WINDOW // 2
FLOOR, CEILING = -100.0, -20.0
"""Decibels shown as black and as white; full scale is 0. The same for all pictures, so that they compare."""


@dataclass(frozen=True)
class Sound:
    """A WAV file: float64 ``samples`` ``[samples]`` in [-1, 1], the mean of its channels, and its ``rate`` in Hz."""

    samples: np.ndarray
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read(data: bytes) -> Sound:
    """The contents of a WAV file of 16 bits, as runs keep them.

    Raises:
        wave.Error, EOFError, ValueError: it is not such a file, or is empty.
    """
    with wave.open(io.BytesIO(data)) as file:
        data = file.readframes(file.getnframes())
        if file.getsampwidth() != 2 or not data:
            raise ValueError(f"{8 * file.getsampwidth()} bits, {len(data)} bytes")
        frames = np.frombuffer(data, "<i2").reshape(-1, file.getnchannels())
        return Sound(frames.mean(1) / 32768, file.getframerate())


def png(sound: Sound) -> bytes:
    """The spectrogram as an indexed PNG; frequency is linear from 0 to half the rate."""
    from matplotlib import colormaps
    from PIL import Image

    decibels = 20 * np.log10(np.maximum(_magnitudes(sound.samples), 1e-9))
    levels = np.clip((decibels - FLOOR) / (CEILING - FLOOR), 0, 1)
    image = Image.fromarray((levels[::-1] * 255).astype(np.uint8), mode="P")
    image.putpalette((colormaps["magma"](np.arange(256))[:, :3] * 255).astype(np.uint8).tobytes())
    sink = io.BytesIO()
    image.save(sink, "PNG", optimize=True)
    return sink.getvalue()


def _magnitudes(samples: np.ndarray) -> np.ndarray:
    """Magnitudes ``[HEIGHT, WIDTH]`` of a Hann window's transform, from 0 Hz; 1 for a sine of full scale."""
    padded = np.pad(samples, WINDOW // 2)
    if len(padded) < WINDOW + 1:
        padded = np.pad(padded, (0, WINDOW + 1 - len(padded)))
    starts = np.linspace(0, len(padded) - WINDOW, WIDTH).astype(int)
    window = np.hanning(WINDOW + 1)[:-1]
    frames = padded[starts[:, None] + np.arange(WINDOW)] * window
    magnitudes: np.ndarray = np.abs(np.fft.rfft(frames)).T[:HEIGHT] / (window.sum() / 2)
    return magnitudes
