"""Images: float32 tensors ``[batch, 3, height, width]`` in [0, 1], all of one size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from bench.datasets.base import Sample
from bench.modalities.base import Modality, SystemFailure


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


class Images(Modality):
    """Stored as uint8; batches are of one shape."""

    name: ClassVar[str] = "image"
    suffix: ClassVar[str] = ".png"

    def joins(self, batch: Sequence[Sample], sample: Sample, equal_lengths: bool) -> bool:
        return sample.signal.shape == batch[0].signal.shape

    def collate(self, samples: Sequence[Sample], device: torch.device) -> torch.Tensor:
        stored = torch.stack([sample.signal for sample in samples])
        return (stored.float() / 255 if stored.dtype == torch.uint8 else stored).to(device)

    def values(self, signal: Any) -> torch.Tensor:
        found: torch.Tensor = signal
        return found

    def like(self, signal: Any, values: torch.Tensor) -> torch.Tensor:
        return values

    def other(self, signal: Any) -> torch.Tensor:
        found: torch.Tensor = 1 - signal
        return found

    def check(self, output: Any, signal: Any) -> None:
        if not output.is_floating_point():
            raise SystemFailure(f"decode gave {output.dtype}; images are floating-point numbers in [0, 1]")
        if output.shape != signal.shape:
            raise SystemFailure(f"input {tuple(signal.shape)} was decoded to {tuple(output.shape)}")

    def encoded(self, signal: Any, position: int) -> bytes:
        """A PNG of 8 bits a channel, values rounded to the nearest."""
        levels = torch.round(signal[position].float().clamp(0, 1) * 255).to(torch.uint8)
        sink = io.BytesIO()
        Image.fromarray(levels.permute(1, 2, 0).cpu().numpy()).save(sink, "PNG", optimize=True)
        return sink.getvalue()
