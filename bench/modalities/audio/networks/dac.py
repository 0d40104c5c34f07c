"""Encoder and decoder of the Descript Audio Codec (Kumar et al. 2023, arXiv 2306.06546), and blocks that others share.

transformers has both with other names of tensors, whose numbers would have to be counted to be renamed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from bench.modalities.audio.networks.snake import Snake

Activation = Callable[[int], nn.Module]
"""What makes an activation of that many channels."""
DILATIONS = (1, 3, 9)
"""Of the residual units of each stage."""


def snake(channels: int) -> nn.Module:
    """DAC's activation."""
    return Snake((channels, 1))


def unit_layers(channels: int, dilation: int, activation: Activation) -> list[nn.Module]:
    """A dilated convolution over seven samples and one over a single one, each after an activation."""
    return [
        activation(channels),
        nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation),
        activation(channels),
        nn.Conv1d(channels, channels, 1),
    ]


class Residual(nn.Module):
    """The layers of a residual unit, and their input."""

    def __init__(self, channels: int, dilation: int, activation: Activation = snake) -> None:
        super().__init__()
        self.block = nn.Sequential(*unit_layers(channels, dilation, activation))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.block(x)
        return x + inner


class Stage(nn.Module):
    """Modules in a row, under the name that publishers' files have for them."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.block = nn.Sequential(*modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.block(x)
        return out


def narrowed(
    width: int, stride: int, dilations: Sequence[int] = DILATIONS, activation: Activation = snake
) -> nn.Module:
    """Residual units, then a stride with twice the channels: time is divided by the stride."""
    inner = [Residual(width, dilation, activation) for dilation in dilations]
    down = nn.Conv1d(width, 2 * width, 2 * stride, stride, math.ceil(stride / 2))
    return Stage([*inner, activation(width), down])


def widened(
    width: int, stride: int, dilations: Sequence[int] = DILATIONS, activation: Activation = snake, whole: bool = False
) -> nn.Module:
    """A stride with half the channels, then residual units: time is multiplied by the stride.

    Args:
        whole: whether an odd stride gives all of its samples; DAC's gives one less.
    """
    inner = [Residual(width // 2, dilation, activation) for dilation in dilations]
    more = stride % 2 if whole else 0
    up = nn.ConvTranspose1d(width, width // 2, 2 * stride, stride, math.ceil(stride / 2), output_padding=more)
    return Stage([activation(width), up, *inner])


def encoder(width: int, strides: Sequence[int], latents: int) -> Stage:
    """DAC's encoder: waves ``[batch, 1, time]`` to ``[batch, latents, time / product of the strides]``."""
    modules: list[nn.Module] = [nn.Conv1d(1, width, 7, padding=3)]
    for stride in strides:
        modules.append(narrowed(width, stride))
        width *= 2
    return Stage([*modules, snake(width), nn.Conv1d(width, latents, 3, padding=1)])


def decoder(latents: int, width: int, strides: Sequence[int]) -> nn.Sequential:
    """DAC's decoder: ``[batch, latents, frames]`` to waves ``[batch, 1, time]``."""
    modules: list[nn.Module] = [nn.Conv1d(latents, width, 7, padding=3)]
    for stride in strides:
        modules.append(widened(width, stride))
        width //= 2
    return nn.Sequential(*modules, snake(width), nn.Conv1d(width, 1, 7, padding=3), nn.Tanh())
