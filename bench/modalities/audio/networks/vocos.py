"""Parts of Vocos (Siuzdak 2023, arXiv 2306.00814): ConvNeXt blocks over frames, and an inverse Fourier transform."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.audio.networks.codebooks import Entries


class AdaptiveNorm(nn.Module):
    """Normalization of channels, whose factors and offsets are chosen by a condition; the first is used."""

    def __init__(self, conditions: int, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = Entries(conditions, channels), Entries(conditions, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The normalized ``[..., channels]``."""
        return F.layer_norm(x, x.shape[-1:], eps=1e-6) * self.scale.weight[0] + self.shift.weight[0]


class ConvNeXt(nn.Module):
    """A convolution of each channel and two layers over the channels, scaled and added to the input.

    Args:
        channels, inner: widths of its input and between its layers.
        norm: what follows the convolution, of ``[batch, frames, channels]`` and of the condition where there is one.
    """

    def __init__(self, channels: int, inner: int, norm: nn.Module) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
        self.norm = norm
        self.pwconv1, self.pwconv2 = nn.Linear(channels, inner), nn.Linear(inner, channels)
        self.gamma = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor, *condition: torch.Tensor) -> torch.Tensor:
        """``[batch, channels, frames]`` to the same shape."""
        inner = self.norm(self.dwconv(x).transpose(1, 2), *condition)
        inner = self.gamma * self.pwconv2(F.gelu(self.pwconv1(inner)))
        out: torch.Tensor = x + inner.transpose(1, 2)
        return out


class Fourier(nn.Module):
    """Magnitudes and phases of overlapping windows to waves, ``hop`` samples for each frame.

    Args:
        channels: of what comes in.
        n_fft: samples of a window.
        hop_length: samples from one window to the next.
    """

    def __init__(self, channels: int, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.out = nn.Linear(channels, n_fft + 2)
        self.size, self.hop = n_fft, hop_length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, frames, channels]`` to ``[batch, 1, frames * hop]``, in float32, which transforms need."""
        logs, phases = self.out(x).float().transpose(1, 2).chunk(2, 1)
        spectra = torch.polar(logs.exp().clamp(max=100.0), phases)
        window = torch.hann_window(self.size, device=x.device)[:, None]
        pieces = torch.fft.irfft(spectra, self.size, dim=1) * window
        weights = window.square().expand(1, -1, x.shape[1])
        return self._joined(pieces) / self._joined(weights)

    def _joined(self, pieces: torch.Tensor) -> torch.Tensor:
        """The sum ``[batch, 1, frames * hop]`` of pieces ``[batch, size, frames]``, each a hop after the one before."""
        whole = (pieces.shape[2] - 1) * self.hop + self.size
        summed = F.fold(pieces, (1, whole), (1, self.size), stride=(1, self.hop))[:, 0]
        edge = (self.size - self.hop) // 2
        return summed[..., edge : whole - edge]
