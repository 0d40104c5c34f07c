"""The encoder of Spark-TTS' global tokens: ECAPA-TDNN, a perceiver, and finite scalar quantization.

ECAPA-TDNN is of Desplanques et al. 2020 (arXiv 2005.07143), the resampler of Alayrac et al. 2022 (arXiv 2204.14198).
Names of tensors are those of SparkAudio/Spark-TTS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.audio.networks.local_attention import Gated
from bench.modalities.audio.networks.scalars import Scalars

CHANNELS, FEATURES, SCALE, BOTTLENECK = 512, 1536, 8, 128
"""Widths of ECAPA-TDNN and of its features, and the groups of its convolutions, which no configuration changes."""
HEADS, HEAD, DEPTH, WIDER = 8, 64, 2, 4
"""The perceiver's attention heads, their width, its layers, and by how much its layers in between are wider."""


class Statistics(nn.Module):
    """Normalization of channels by the mean and the variance that training has found."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


class Convolution(nn.Module):
    """A convolution that keeps the length, a rectifier, and a normalization."""

    def __init__(self, inputs: int, channels: int, size: int = 1) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv1d(inputs, channels, size, padding=size // 2), Statistics(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.bn(F.relu(self.conv(x)))
        return out


class Grouped(nn.Module):
    """Groups of channels one after the other, each with what came of the one before added; the last goes through."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        width = CHANNELS // SCALE
        self.convs = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation) for _ in range(SCALE - 1)
        )
        self.bns = nn.ModuleList(Statistics(width) for _ in range(SCALE - 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *groups, last = x.chunk(SCALE, 1)
        out: list[torch.Tensor] = []
        for group, conv, bn in zip(groups, self.convs, self.bns, strict=True):
            out.append(bn(F.relu(conv(group + out[-1] if out else group))))
        return torch.cat([*out, last], 1)


class Excitation(nn.Module):
    """Channels scaled by factors that follow from their means over time."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(CHANNELS, BOTTLENECK), nn.Linear(BOTTLENECK, CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        factors: torch.Tensor = self.linear2(F.relu(self.linear1(x.mean(2)))).sigmoid()
        return x * factors[..., None]


class Block(nn.Module):
    """One residual block of ECAPA-TDNN."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        around = (Convolution(CHANNELS, CHANNELS) for _ in range(2))
        self.se_res2block = nn.Sequential(next(around), Grouped(dilation), next(around), Excitation())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.se_res2block(x)
        return x + inner


class Ecapa(nn.Module):
    """Mel spectra ``[batch, bands, frames]`` to features ``[batch, features, frames]``, before their pooling."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.layer1 = Convolution(bands, CHANNELS, 5)
        self.layer2, self.layer3, self.layer4 = Block(2), Block(3), Block(4)
        self.conv = nn.Conv1d(3 * CHANNELS, FEATURES, 1)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        first = self.layer2(self.layer1(mel))
        second = self.layer3(first)
        return F.relu(self.conv(torch.cat([first, second, self.layer4(second)], 1)))


class Attention(nn.Module):
    """Attention of latents to themselves and to a context."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_q, self.to_kv = (nn.Linear(width, count * HEADS * HEAD, bias=False) for count in (1, 2))
        self.to_out = nn.Linear(HEADS * HEAD, width, bias=False)

    def forward(self, latents: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        keys, values = self.to_kv(torch.cat([latents, context], 1)).chunk(2, 2)
        heads = (x.unflatten(2, (HEADS, HEAD)).transpose(1, 2) for x in (self.to_q(latents), keys, values))
        out: torch.Tensor = self.to_out(F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))
        return out


class Scaled(nn.Module):
    """Vectors of one length, which is the root of their width, times a factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, dim=-1) * math.sqrt(x.shape[-1]) * self.gamma


class Perceiver(nn.Module):
    """Features ``[batch, frames, features]`` to a fixed number of vectors ``[batch, count, width]``."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.proj_context, self.norm = nn.Linear(FEATURES, width), Scaled(width)
        self.latents = nn.Parameter(torch.zeros(count, width))
        inner = int(width * WIDER * 2 / 3)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    Attention(width),
                    nn.Sequential(nn.Linear(width, 2 * inner), Gated(), nn.Linear(inner, width)),
                ]
            )
            for _ in range(DEPTH)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        context = self.proj_context(features)
        latents = self.latents.expand(len(features), -1, -1)
        for pair in self.layers:
            attend, feed = pair.children()
            latents = attend(latents, context) + latents
            latents = feed(latents) + latents
        normalized: torch.Tensor = self.norm(latents)
        return normalized


class SpeakerTokens(nn.Module):
    """Mel spectra to a fixed number of codes, and these to one vector; arguments as the publisher's."""

    def __init__(
        self, input_dim: int, out_dim: int, latent_dim: int, token_num: int, fsq_levels: Sequence[int]
    ) -> None:
        super().__init__()
        self.speaker_encoder, self.perceiver_sampler = Ecapa(input_dim), Perceiver(latent_dim, token_num)
        self.quantizer = Scalars(latent_dim, fsq_levels)
        self.project = nn.Linear(latent_dim * token_num, out_dim)

    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        """Codes ``[batch, token_num]`` of mel spectra ``[batch, bands, frames]``."""
        features = self.speaker_encoder(mel).transpose(1, 2)
        return self.quantizer.encode(self.perceiver_sampler(features))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """The vector ``[batch, out_dim]`` of codes."""
        vector: torch.Tensor = self.project(self.quantizer.decode(codes).transpose(1, 2).flatten(1))
        return vector
