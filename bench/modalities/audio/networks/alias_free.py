"""Periodic activations at twice the rate, between low-pass filters (Lee et al. 2022, BigVGAN, arXiv 2206.04658)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

TAPS = 12
"""Length of the filters."""


class SnakeBeta(nn.Module):
    """``x + sin²(a x) / b``, with a frequency ``a`` and a magnitude ``b`` for each channel, stored as logarithms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha, self.beta = (nn.Parameter(torch.zeros(channels)) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The activation of ``[batch, channels, time]``."""
        frequency, magnitude = (torch.exp(parameter)[:, None] for parameter in (self.alpha, self.beta))
        return x + torch.sin(frequency * x).square() / (magnitude + 1e-9)


class LowPass(nn.Module):
    """A filter of all channels, whose taps are in the publisher's file."""

    filter: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", torch.zeros(1, 1, TAPS))

    def of(self, channels: int) -> torch.Tensor:
        """The taps once for each channel."""
        return self.filter.expand(channels, -1, -1)


class Doubled(LowPass):
    """Twice the samples: zeros between them, filtered; past both ends, the first and the last sample go on."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, channels, time]`` to ``[batch, channels, 2 time]``."""
        beyond = TAPS // 2 - 1
        longer = F.pad(x, (beyond, beyond), mode="replicate")
        filtered = 2 * F.conv_transpose1d(longer, self.of(x.shape[1]), stride=2, groups=x.shape[1])
        return filtered[..., 3 * beyond : 3 * beyond + 2 * x.shape[2]]


class Halved(nn.Module):
    """Half the samples: filtered, then every other one."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = LowPass()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, channels, 2 time]`` to ``[batch, channels, time]``."""
        longer = F.pad(x, (TAPS // 2 - 1, TAPS // 2), mode="replicate")
        return F.conv1d(longer, self.lowpass.of(x.shape[1]), stride=2, groups=x.shape[1])


class AliasFree(nn.Module):
    """The activation of a signal at twice its rate, so that harmonics above its band do not fold back into it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample, self.downsample = Doubled(), Halved()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The activation of ``[batch, channels, time]``."""
        activated: torch.Tensor = self.downsample(self.act(self.upsample(x)))
        return activated
