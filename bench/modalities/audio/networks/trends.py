"""Convolutions of SQCodec: over trends of a wave, over channels one by one, and over dilated windows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.audio.networks.dac import Stage, unit_layers
from bench.modalities.audio.networks.snake import Snake

EPSILON = float(torch.finfo(torch.float32).eps)
"""What all divisions of these networks add."""


def snake(first: int, second: int) -> nn.Module:
    """The activation of these networks."""
    return Snake((first, second), EPSILON)


class Norm(nn.Module):
    """Normalization over channels, which are the last axis or, with ``first``, the one before it."""

    def __init__(self, channels: int, first: bool = False) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.first = first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.first:
            return self._normalized(x.transpose(1, 2)).transpose(1, 2)
        return self._normalized(x)

    def _normalized(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, EPSILON)


class Response(nn.Module):
    """Channels scaled and shifted, and their input; the scale goes to 0 with the norm of all of a clip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.zeros(1, channels)), nn.Parameter(torch.zeros(1, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
        scaled: torch.Tensor = self.gamma * (x * (norm / (norm + EPSILON)))
        return scaled + self.beta + x


class Unit(nn.Module):
    """A convolution of each channel and two layers over the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dw_conv = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
        self.norm = Norm(channels)
        self.pw_conv1, self.pw_conv2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.act, self.grn = snake(1, 4 * channels), Response(4 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm(self.dw_conv(x).transpose(1, 2))
        inner = self.pw_conv2(self.grn(self.act(self.pw_conv1(inner))))
        out: torch.Tensor = inner.transpose(1, 2)
        return out


def dilated_unit(channels: int, dilation: int) -> Stage:
    """DAC's convolutions of a residual unit, with the activation of these networks."""
    return Stage(unit_layers(channels, dilation, lambda width: snake(width, 1)))


class Residual(nn.Module):
    """A module added to its input."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.module(x)
        return out


class Trend(nn.Module):
    """The largest magnitude around each sample, averaged over as many samples; the samples themselves for one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.width == 1:
            return x
        largest = F.max_pool1d(x.abs(), self.width, 1, self.width // 2)
        return F.avg_pool1d(largest, self.width, 1, self.width // 2)


class Trends(nn.Module):
    """Convolutions of a wave and of its trends of several widths.

    Args:
        widths: of the trends, in samples; odd.
        channels: that each convolution gives.
        dilations: of the convolutions, as many.
    """

    def __init__(self, widths: Sequence[int], channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(Trend(width), nn.Conv1d(1, channels, 7, dilation=dilation, padding=3 * dilation))
            for width, dilation in zip(widths, dilations, strict=True)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([block(x) for block in self.blocks], 1)


class First(Trends):
    """The trends of a wave, mixed, and the wave beside them."""

    def __init__(self, channels: int) -> None:
        super().__init__((1, 5, 11, 21, 45), 4, (1,) * 5)
        self.conv_1, self.conv_2 = nn.Conv1d(20, 80, 1), nn.Conv1d(81, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = F.gelu(self.conv_1(super().forward(x)))
        out: torch.Tensor = self.conv_2(torch.cat((mixed, x), 1))
        return out


class Enhancement(Trends):
    """All channels, times what the trends of the first say of each."""

    def __init__(self, channels: int) -> None:
        super().__init__((1, 3, 5, 9), 1, (1, 2, 3, 5))
        self.merge_layer = nn.Sequential(nn.InstanceNorm1d(4, affine=True), nn.Conv1d(4, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.merge_layer(super().forward(x[:, :1])) * x
        return out
