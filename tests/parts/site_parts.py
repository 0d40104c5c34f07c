"""Runs made by hand, from which the tests make a site."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from collapse_parts import STUDY, write_study
from hand_made import protocol, result
from PIL import Image

from bench.contracts.kept import Kept
from bench.contracts.results import Run

SCRIPT = "<script>alert(1)</script>"
PHOTOS = protocol()
SPEECH = protocol(task="audio-recon", settings={}, metrics={"pesq_wb": 1})
LIKE = protocol(preset="llamagen", n=50000, settings={"preprocessing": {"size": 256}})
IMAGES, SOUNDS, PUBLISHED = (f"tables/*{each.fingerprint}*.html" for each in (PHOTOS, SPEECH, LIKE))
ALL_PAGES = [
    "index.html",
    IMAGES,
    SOUNDS,
    PUBLISHED,
    STUDY,
    "gallery/image-recon*.html",
    "gallery/audio-recon*.html",
    "systems/vq-*.html",
    "systems/opus-*.html",
    "systems/*script*.html",
    "systems/*online-clustering*.html",
    "reported/image.html",
    "reported/audio.html",
    "surveys.html",
]
"""One page of each kind, by patterns of their paths."""
NAMES = (SCRIPT, "vq", "rvq", "fsq@8")


def png(seed: int) -> bytes:
    sink = io.BytesIO()
    levels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(levels).save(sink, "PNG")
    return sink.getvalue()


def wav(seed: int) -> bytes:
    sink = io.BytesIO()
    tone = np.sin(np.arange(8000) * 0.1 * (seed + 1)) * 8000
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(tone.astype("<i2").tobytes())
    return sink.getvalue()


def write_runs(folder: Path) -> list[Path]:
    """Write runs of images, of audio, of one system under a protocol with reported numbers, and of trainings."""
    images, sounds, published = (Run(folder / name) for name in ("images", "sounds", "published"))
    ids = [f"photo-{i}" for i in range(6)]
    for i, name in enumerate(NAMES):
        made = result(
            name,
            psnr=(20.0 + 2 * i, 0.5),
            ssim=(0.9 - i / 10, 0.01),
            inception_score=(3.0 + i, 0.1),
            rfid="weights inception are missing; run: bench fetch inception",
            bits_per_pixel=0.1 * (1 + i),
            encode_images_per_second=(800.0 - 100 * i, 5.0),
        )
        values: dict[str, Sequence[Any]] = {
            "id": ids,
            "group": [0] * 6,
            "psnr": [20.0 + i + k for k in (3, 1, 0, 2, 5, 4)],
        }
        kept = [Kept(k, ids[k], ".png", png(k), png(100 + 10 * i + k)) for k in (1, 3, 5)]
        images.write(images.file_of(name, made.protocol), made, values, kept)
    for made in (
        result("kl", "continuous", psnr=(33.0, 0.6), ssim=(0.95, 0.01), encode_images_per_second=(900.0, 5.0)),
        result("jpeg", "bytes", psnr=(30.0, 0.6), ssim=(0.93, 0.01), bits_per_pixel=(0.5, 0.1)),
        result("lost", error=("OSError", "no such file")),
    ):
        images.write(images.file_of(made.system.name, made.protocol), made, None)
    for i, name in enumerate(("opus", "mulaw")):
        made = result(name, "bytes", pesq_wb=2.0 + i, protocol=SPEECH, suite="audio-recon")
        kept = [Kept(0, "prompt", ".wav", wav(0), wav(i + 1))]
        sounds.write(sounds.file_of(name, SPEECH), made, {"id": ["prompt"], "group": [0], "pesq_wb": [2.0]}, kept)
    for name, value in (("llamagen-vq-ds16", 2.25), ("best", 0.1)):
        made = result(name, rfid=(value, 0.01), psnr=(21.0, 0.1), protocol=LIKE)
        published.write(published.file_of(name, LIKE), made, None)
    return [*(run.path for run in (images, sounds, published)), write_study(folder / "study")]
