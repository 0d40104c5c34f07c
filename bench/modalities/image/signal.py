"""Images: float32 tensors ``[batch, 3, height, width]`` in [0, 1], all of one size."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional as F

from bench.datasets.base import BadSample, NoReconstruction, Sample
from bench.modalities.signal import MANY, Signal, SystemFailure

_MEAN, _DEVIATION = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

SHIFT_PIXELS = 16
"""Most pixels that a training image is moved by, each way."""

SCALES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "map (x + 1) / 2": lambda x: (x + 1) / 2,
    "map x + 0.5": lambda x: x + 0.5,
    "map x / 255": lambda x: x / 255,
    "undo the normalization by ImageNet's mean and deviation": lambda x: x * _DEVIATION.to(x) + _MEAN.to(x),
}
"""Common scales of decoders' outputs, and the function that brings each to [0, 1]."""


ALIKE, CLEARLY = 0.5, 0.5
"""Correlation with the input, and share of the squared error, that distinguish another scale from a bad decoder."""


class ImageFinish(BaseModel):
    """What happens to a decoder's output before it is scored; the reference is treated alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clamp: bool = Field(default=True, description="clamp to [0, 1]")
    rounding: Literal["nearest", "floor", "none"] = Field(
        default="nearest", description="to the 256 levels of uint8: nearest (half to even), floor (x·255 cut), none"
    )

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Images as they are scored, float32 in [0, 1]."""
        images = images.float()
        if self.clamp:
            images = images.clamp(0, 1)
        if self.rounding == "none":
            return images
        # A stored level k must survive k/255·255 in floating point before the floor is taken.
        cut = torch.round if self.rounding == "nearest" else lambda x: torch.floor(x + 1e-4)
        return cut(images * 255) / 255


class ImageSignal(Signal):
    """Stored as uint8; batches are of one shape."""

    name: ClassVar[str] = "image"
    suffix: ClassVar[str] = ".png"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    size_unit: ClassVar[str] = "px"
    sweep_sizes: ClassVar[Mapping[str, tuple[float, ...]]] = {"cpu": (256,), "cuda": (256, 512)}
    whole_sizes: ClassVar[bool] = True

    def joins(self, batch: Sequence[Sample], sample: Sample, equal_lengths: bool) -> bool:
        return sample.signal.shape == batch[0].signal.shape

    def collate(self, samples: Sequence[Sample], device: torch.device) -> torch.Tensor:
        stored = torch.stack([sample.signal for sample in samples])
        if device.type == "cuda":
            stored = stored.pin_memory().to(device, non_blocking=True)
        if stored.dtype != torch.uint8:
            return stored.to(device)
        # Divided by a tensor of the device: by a number, CUDA multiplies with its rounded reciprocal.
        levels = torch.full((), 255.0, device=stored.device)
        return (stored.float() / levels).to(device)

    def values(self, signal: Any) -> torch.Tensor:
        values: torch.Tensor = signal
        return values

    def like(self, signal: Any, values: torch.Tensor) -> torch.Tensor:
        return values

    def other(self, signal: Any) -> torch.Tensor:
        inverted: torch.Tensor = 1 - signal
        return inverted

    def check(self, output: Any, signal: Any) -> None:
        if not output.is_floating_point():
            raise SystemFailure(f"decode gave {output.dtype}; images are floating-point numbers in [0, 1]")
        if output.shape != signal.shape:
            raise SystemFailure(f"input {tuple(signal.shape)} was decoded to {tuple(output.shape)}")

    def sample(self, signal: Any, position: int) -> torch.Tensor:
        image: torch.Tensor = signal[position]
        return image

    def alone(self, signal: Any, position: int) -> torch.Tensor:
        image: torch.Tensor = signal[position : position + 1]
        return image

    def amounts(self, signal: torch.Tensor) -> torch.Tensor:
        """Pixels of each image, channels counted once."""
        return torch.full((len(signal),), float(math.prod(signal.shape[2:])), dtype=torch.float64)

    @property
    def endings(self) -> frozenset[str]:
        from bench.modalities.image.datasets.decode import SUFFIXES

        return SUFFIXES

    def read(self, path: Path, original: Sample) -> torch.Tensor:
        """An image file as uint8 ``[3, height, width]``, of the size that the original has under the protocol."""
        from bench.modalities.image.datasets.decode import decode
        from bench.modalities.image.datasets.images import pixels_of

        try:
            image, _ = decode(path)
        except BadSample as error:
            raise NoReconstruction(str(error)) from error
        height, width = original.signal.shape[1:]
        if image.size != (width, height):
            raise NoReconstruction(
                f"is {image.width}x{image.height}, and its original {width}x{height} under this protocol"
            )
        return pixels_of(image)

    def plain(self, signal: torch.Tensor) -> torch.Tensor:
        return signal.float()

    def moved(self, sample: Sample, generator: np.random.Generator) -> torch.Tensor:
        """The image moved by up to 16 pixels each way, the gap filled by reflection, and flipped at random."""
        signal = sample.signal.flip(2) if generator.random() < 0.5 else sample.signal
        for axis in (1, 2):
            length = signal.shape[axis]
            reach = min(SHIFT_PIXELS, length - 1)
            places = np.arange(length) + generator.integers(-reach, reach + 1)
            mirrored = length - 1 - np.abs(length - 1 - np.abs(places))
            signal = signal.index_select(axis, torch.from_numpy(mirrored))
        return signal

    def sized(self, sample: Sample, size: float) -> Sample:
        """The center square of an image, resized bilinearly with antialiasing to ``size`` pixels a side."""
        side = min(sample.signal.shape[1:])
        top, left = ((length - side) // 2 for length in sample.signal.shape[1:])
        square = sample.signal[:, top : top + side, left : left + side]
        if side == size:
            return replace(sample, signal=square)
        resized = F.interpolate(square[None].float(), (int(size), int(size)), mode="bilinear", antialias=True)[0]
        levels = resized.round().clamp(0, 255).to(torch.uint8) if square.dtype == torch.uint8 else resized
        return replace(sample, signal=levels)

    def joined(self, one: Any, other: Any) -> torch.Tensor:
        return torch.cat([one, other])

    def misscaled(self, output: Any, signal: Any) -> str:
        """As in the base class; an output is on another scale if it is much closer to the input on that scale."""
        far, finding = self.outside(output)
        if far < MANY:
            return ""
        x, wanted = output.float(), signal.float()
        distances = {how: float((undo(x).clamp(0, 1) - wanted).square().mean()) for how, undo in SCALES.items()}
        how = min(distances, key=distances.__getitem__)
        alike = float(torch.corrcoef(torch.stack([x.flatten(), wanted.flatten()]))[0, 1]) > ALIKE
        if alike and distances[how] < CLEARLY * float((x.clamp(0, 1) - wanted).square().mean()):
            raise SystemFailure(f"{finding}; images are in [0, 1]: {how} in decode")
        return f"{finding}; images are in [0, 1], and the rest is clamped"

    def encoded(self, signal: Any, position: int) -> bytes:
        """A PNG of 8 bits per channel, values rounded to the nearest."""
        levels = torch.round(signal[position].float().clamp(0, 1) * 255).to(torch.uint8)
        sink = io.BytesIO()
        Image.fromarray(levels.permute(1, 2, 0).cpu().numpy()).save(sink, "PNG", optimize=True)
        return sink.getvalue()
