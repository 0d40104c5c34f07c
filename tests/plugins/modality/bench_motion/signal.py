"""How batches of motions are made, checked, scored and stored: float32 ``[batch, joints, steps]`` in [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field

from bench.datasets.base import Sample
from bench.modalities.signal import MANY, Signal, SystemFailure


class MotionFinish(BaseModel):
    """What happens to a decoder's output before it is scored; the reference is treated alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clamp: bool = Field(default=True, description="clamp to [-1, 1]")

    def __call__(self, motions: torch.Tensor) -> torch.Tensor:
        """Motions as they are scored."""
        return motions.float().clamp(-1, 1) if self.clamp else motions.float()


class MotionSignal(Signal):
    """Batches are of one shape."""

    name: ClassVar[str] = "motion"
    suffix: ClassVar[str] = ".csv"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def joins(self, batch: Sequence[Sample], sample: Sample, equal_lengths: bool) -> bool:
        return sample.signal.shape == batch[0].signal.shape

    def collate(self, samples: Sequence[Sample], device: torch.device) -> torch.Tensor:
        return torch.stack([sample.signal for sample in samples]).to(device)

    def values(self, signal: torch.Tensor) -> torch.Tensor:
        return signal

    def like(self, signal: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return values

    def other(self, signal: torch.Tensor) -> torch.Tensor:
        return -signal.flip(2) + 0.1

    def check(self, output: Any, signal: torch.Tensor) -> None:
        if output.shape != signal.shape:
            raise SystemFailure(f"input {tuple(signal.shape)} was decoded to {tuple(output.shape)}")

    def sample(self, signal: torch.Tensor, position: int) -> torch.Tensor:
        return signal[position]

    def alone(self, signal: torch.Tensor, position: int) -> torch.Tensor:
        return signal[position : position + 1]

    def amounts(self, signal: torch.Tensor) -> torch.Tensor:
        return torch.full((len(signal),), float(signal.shape[2]), dtype=torch.float64)

    def joined(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.cat([one, other])

    def misscaled(self, output: torch.Tensor, signal: torch.Tensor) -> str:
        far, said = self.outside(output)
        return f"{said}; motions are in [-1, 1], and the rest is clamped" if far >= MANY else ""

    def encoded(self, signal: torch.Tensor, position: int) -> bytes:
        """A CSV file with a line per step."""
        steps = signal[position].float().cpu().T.tolist()
        return "".join(",".join(f"{value:.4f}" for value in step) + "\n" for step in steps).encode()
