"""The convolutional encoder of EnCodec without causal padding (Défossez et al. 2022, arXiv 2210.13438).

transformers has it as ``EncodecEncoder``, whose constants are tensors that a model built without memory never gets.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.audio.networks.recurrence import Recurrence


class Convolution(nn.Module):
    """A convolution of clips that go on past their ends as if mirrored, so that no sample at the end is left out."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, out, kernel, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, channels, time]`` to ``[batch, out, ceil(time / stride)]``."""
        stride = self.conv.stride[0]
        around = self.conv.kernel_size[0] - stride
        after = around // 2
        out: torch.Tensor = self.conv(_mirrored(x, around - after, after + -x.shape[2] % stride))
        return out


def _mirrored(x: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """The signal and its mirror images; one that is too short for them is lengthened by zeros first."""
    missing = max(0, max(before, after) - x.shape[2] + 1)
    mirrored = F.pad(F.pad(x, (0, missing)), (before, after), mode="reflect")
    return mirrored[..., : mirrored.shape[2] - missing]


class Residual(nn.Module):
    """Two convolutions through half the channels, beside a convolution of single samples."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = (Convolution(channels, channels // 2, 3), Convolution(channels // 2, channels, 1))
        self.block = nn.Sequential(nn.ELU(), inner[0], nn.ELU(), inner[1])
        self.shortcut = Convolution(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.shortcut(x) + self.block(x)
        return out


class Encoder(nn.Module):
    """Waves ``[batch, 1, time]`` to latents ``[batch, width, ceil(time / hop)]``.

    Args:
        filters: channels at the rate of the samples, doubled with each stride.
        strides: from the coarsest, as configurations have them; ``hop`` is their product.
        width: channels that come out.
        recurrent: layers of the LSTM.
    """

    def __init__(self, filters: int, strides: Sequence[int], width: int, recurrent: int = 2) -> None:
        super().__init__()
        modules: list[nn.Module] = [Convolution(1, filters, 7)]
        for stride in reversed(strides):
            modules += [Residual(filters), nn.ELU(), Convolution(filters, 2 * filters, 2 * stride, stride)]
            filters *= 2
        self.model = nn.Sequential(*modules, Recurrence(filters, recurrent), nn.ELU(), Convolution(filters, width, 7))

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.model(waves)
        return latents
