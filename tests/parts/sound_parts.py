"""Audio files of many formats, written as their usual programs write them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 16_000


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 1, hertz: float = 440.0) -> np.ndarray:
    """Return a tone with a little noise, float32 ``[samples, channels]``, each channel softer than the one before."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(7).standard_normal(time.size)
    wave = 0.3 * np.sin(2 * np.pi * hertz * time) + 0.02 * noise
    return np.stack([wave / 2**channel for channel in range(channels)], axis=1).astype(np.float32)


def save(path: Path, samples: np.ndarray, rate: int = RATE, **options: str) -> Path:
    """Write ``[samples, channels]`` or ``[samples]`` with libsndfile, in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def save_by_ffmpeg(
    path: Path, samples: np.ndarray, codec: str, rate: int = RATE, tracks: int = 1, **options: str
) -> Path:
    """Write ``[samples, channels]`` with FFmpeg, in the container of the path's suffix."""
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(str(path), "w", options=options) as container:
        streams = [container.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, 0
            context = stream.codec_context
            split = av.AudioResampler(
                format=context.format, layout=layout, rate=rate, frame_size=context.frame_size or 1024
            )
            for part in [*split.resample(frame), *split.resample(None)]:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
