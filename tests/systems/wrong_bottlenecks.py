"""Bottlenecks, estimators and remedies of a user's own that break their contracts, each in one way."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from bench.quantizers.remedies.base import Remedy
from bench.quantizers.trained.base import Coded
from bench.quantizers.trained.vector import TrainedVQ


class Right(TrainedVQ):
    """Vector quantization, from which the others differ."""

    def __init__(self, width: int) -> None:
        super().__init__(width, bits=4)


class OneSize(Right):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.sizes = 16  # type: ignore[assignment]


class OfAudio(Right):
    modality = "audio"


class HalfTheGrid(Right):
    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return super().encode(latents[:, ::2])

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        return super().decode(codes).repeat_interleave(2, 1)


class FromOne(Right):
    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        places = torch.arange(latents[..., 0].numel()).view(latents.shape[:-1])
        return (1 + places % 16,)


class Halves(Right):
    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(codes / 2 for codes in super().encode(latents))


class TooNarrow(Right):
    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        return super().decode(codes)[..., :3]


class ATuple(Right):
    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Any:
        coded = super().forward(latents, generator)
        return coded.latents, coded.codes, coded.loss


class NoLoss(Right):
    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        return replace(super().forward(latents, generator), loss=None)  # type: ignore[arg-type]


class NoLevels(Right):
    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        return replace(super().forward(latents, generator), codes=())


class NotABottleneck(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()


class NotAnEstimator(nn.Module):
    pass


class NotARemedy(nn.Module):
    def __init__(self, size: int, dim: int) -> None:
        super().__init__()


class Raises(Remedy):
    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim // 0)
