"""Nodes: int64 ``[batch]``, the number of each in its graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict

from bench.datasets.base import Sample
from bench.modalities.signal import Signal, SystemFailure


class NodeFinish(BaseModel):
    """What happens to what is decoded before it is scored: nothing, since no tokenizer of nodes decodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __call__(self, nodes: torch.Tensor) -> torch.Tensor:
        """The nodes as they are."""
        return nodes


class NodeSignal(Signal):
    """A node is a number: what it means stands in the graph that a tokenizer is fitted on."""

    name: ClassVar[str] = "graph"
    suffix: ClassVar[str] = ".txt"
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def joins(self, batch: Sequence[Sample], sample: Sample, equal_lengths: bool) -> bool:
        return True

    def collate(self, samples: Sequence[Sample], device: torch.device) -> torch.Tensor:
        return torch.cat([sample.signal for sample in samples]).to(device)

    def values(self, signal: torch.Tensor) -> torch.Tensor:
        return signal

    def like(self, signal: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return values

    def other(self, signal: torch.Tensor) -> torch.Tensor:
        """A neighbor in number. Graphs have two nodes: with one, no triple could be held back."""
        return (signal - 1).abs()

    def check(self, output: Any, signal: torch.Tensor) -> None:
        if output.shape != signal.shape:
            raise SystemFailure(f"{tuple(signal.shape)} nodes were decoded to {tuple(output.shape)}")

    def sample(self, signal: torch.Tensor, position: int) -> torch.Tensor:
        return signal[position : position + 1]

    def alone(self, signal: torch.Tensor, position: int) -> torch.Tensor:
        return signal[position : position + 1]

    def amounts(self, signal: torch.Tensor) -> torch.Tensor:
        """One node each."""
        return torch.ones(len(signal), dtype=torch.float64)

    def joined(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.cat([one, other])

    def misscaled(self, output: torch.Tensor, signal: torch.Tensor) -> str:
        return ""

    def encoded(self, signal: torch.Tensor, position: int) -> bytes:
        """A text file with the number of the node."""
        return f"{int(signal[position])}\n".encode()
