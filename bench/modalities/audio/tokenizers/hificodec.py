"""HiFi-Codec, group-residual quantization (Yang et al. 2023, arXiv 2305.02765; yangdongchao/AcademiCodec)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import BenchError
from bench.modalities.audio.networks.codebooks import Entries, nearest
from bench.modalities.audio.networks.hifigan import SLOPE, DilatedBlock, Generator
from bench.modalities.audio.tokenizers.pretrained import Structure
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.layouts import Layout

FINEST, LATENTS = 32, 512
"""Channels of the encoder at the rate of the samples, and of the latents; no configuration states them."""

ARGUMENTS = (
    "sampling_rate",
    "upsample_rates",
    "upsample_kernel_sizes",
    "upsample_initial_channel",
    "resblock_kernel_sizes",
    "resblock_dilation_sizes",
    "n_code_groups",
    "n_codes",
)
"""What decides the network in a configuration, which has much of training besides."""


class Encoder(nn.Module):
    """Waves ``[batch, 1, time]`` to latents ``[batch, 512, time // hop]``.

    Args:
        strides, kernels, blocks: as of the generator, whose order is reversed here.
    """

    def __init__(
        self, strides: Sequence[int], kernels: Sequence[int], blocks: Sequence[tuple[int, Sequence[int]]]
    ) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(1, FINEST, 7, padding=3)
        self.ups, self.resblocks, self.normalize = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        width = FINEST
        for stride, kernel in zip(reversed(strides), reversed(kernels), strict=True):
            self.ups.append(nn.Conv1d(width, 2 * width, kernel, stride, (kernel - stride) // 2))
            width *= 2
            for size, dilations in reversed(blocks):
                self.resblocks.append(DilatedBlock(width, size, dilations))
                self.normalize.append(nn.GroupNorm(width // 16, width, eps=1e-6))
        self.conv_post = nn.Conv1d(width, LATENTS, 3, padding=1)
        self.each = len(blocks)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        x = self.conv_pre(waves)
        for stage, down in enumerate(self.ups):
            x = down(F.leaky_relu(x, SLOPE))
            places = slice(stage * self.each, (stage + 1) * self.each)
            total = torch.zeros_like(x)
            for block, norm in zip(self.resblocks[places], self.normalize[places], strict=True):
                total = norm(total + block(x))
            x = total / self.each
        out: torch.Tensor = self.conv_post(F.leaky_relu(x))
        return out


class Book(nn.Module):
    """One codebook, under the publisher's name."""

    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self.embedding = Entries(entries, width)


class Quantizer(nn.Module):
    """Two layers, each with a codebook for each group of channels; the second quantizes what the first leaves."""

    def __init__(self, entries: int, groups: int) -> None:
        super().__init__()
        self.quantizer_modules, self.quantizer_modules2 = (
            nn.ModuleList(Book(entries, LATENTS // groups) for _ in range(groups)) for _ in range(2)
        )

    @property
    def layers(self) -> tuple[list[Entries], ...]:
        """The codebooks of both layers, group by group."""
        both = (self.quantizer_modules, self.quantizer_modules2)
        return tuple([book.embedding for book in layer if isinstance(book, Book)] for layer in both)

    def encode(self, latents: torch.Tensor) -> list[torch.Tensor]:
        """Codes ``[batch, frames]`` of the groups of the first layer, then of the second."""
        rest, codes = latents.transpose(1, 2), []
        for books in self.layers:
            parts = rest.chunk(len(books), 2)
            found = [nearest(part, book.weight) for part, book in zip(parts, books, strict=True)]
            rest = rest - torch.cat([book(code) for code, book in zip(found, books, strict=True)], 2)
            codes += found
        return codes

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Latents ``[batch, 512, frames]`` of codes."""
        groups = len(self.quantizer_modules)
        first, second = (
            torch.cat([book(code) for code, book in zip(codes[start : start + groups], books, strict=True)], 2)
            for start, books in zip((0, groups), self.layers, strict=True)
        )
        return (first + second).transpose(1, 2)


class Network(nn.Module):
    """Encoder, quantizer and generator; arguments by the publisher's names."""

    def __init__(
        self,
        sampling_rate: int,
        upsample_rates: Sequence[int],
        upsample_kernel_sizes: Sequence[int],
        upsample_initial_channel: int,
        resblock_kernel_sizes: Sequence[int],
        resblock_dilation_sizes: Sequence[Sequence[int]],
        n_code_groups: int,
        n_codes: int,
    ) -> None:
        super().__init__()
        blocks = tuple(zip(resblock_kernel_sizes, resblock_dilation_sizes, strict=True))
        self.rate, self.hop = sampling_rate, math.prod(upsample_rates)
        self.encoder = Encoder(upsample_rates, upsample_kernel_sizes, blocks)
        self.quantizer = Quantizer(n_codes, n_code_groups)
        self.generator = Generator(LATENTS, upsample_initial_channel, upsample_rates, upsample_kernel_sizes, blocks)


class HiFiCodec(PublishedCodec):
    """HiFi-Codec: four codebooks of 1024 entries, two groups of channels in two layers.

    As in the publisher's code nothing is padded, so the end of a clip beyond whole hops has no codes; a clip that is
    shorter than a hop gets zeros.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "HiFi-Codec"
    pads = False

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` is the publisher's JSON."""
        if "n_code_groups" not in config:
            return None
        if (kind := config.get("resblock", "1")) != "1":
            raise BenchError(f"resblock is {kind}: every published HiFi-Codec has 1")
        return Layout({key: config[key] for key in ARGUMENTS}, parts=("encoder", "quantizer", "generator"))

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        return Structure(model.rate, model.hop, tuple(book.count for layer in model.quantizer.layers for book in layer))

    def positions(self, samples: int) -> tuple[int, ...]:
        return (max(1, samples // self.structure.hop),) * len(self.codebooks)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        padded = F.pad(waves, (0, max(0, self.structure.hop - waves.shape[2])))
        codes: list[torch.Tensor] = self.model.quantizer.encode(self.model.encoder(padded))
        return codes

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        waves: torch.Tensor = self.model.generator(self.model.quantizer.decode(codes))
        return waves
