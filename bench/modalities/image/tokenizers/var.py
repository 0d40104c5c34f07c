"""The multi-scale VQ autoencoder of VAR (Tian et al. 2024, arXiv 2404.02905; github.com/FoundationVision/VAR)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import taming
from bench.modalities.image.networks.nearest_entry import nearest
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import share

FACTORS = (1, 1, 2, 2, 4)
BLOCKS = 2
"""VAR's network has no others."""


class Refinement(nn.Conv2d):
    """What follows the interpolation of a scale: the mean of the map and of a 3x3 convolution of it (``phi``)."""

    def __init__(self, channels: int, part: float) -> None:
        super().__init__(channels, channels, 3, padding=1)
        self.part = part

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return (1 - self.part) * maps + self.part * super().forward(maps)


class Refinements(nn.Module):
    """A few refinements for all scales: that of a scale is the one nearest to its place among them."""

    def __init__(self, channels: int, part: float, count: int) -> None:
        super().__init__()
        self.qresi_ls = nn.ModuleList(Refinement(channels, part) for _ in range(count))
        margin = 1 / (3 if count == 4 else 2) / count
        # As VAR computes them: their rounding decides which of two that are as near is taken.
        self.places = np.linspace(margin, 1 - margin, count).tolist()

    def of(self, scale: int, scales: int) -> nn.Module:
        """The refinement of a scale, counted from 0."""
        place = scale / max(1, scales - 1)
        return self.qresi_ls[min(range(len(self.places)), key=lambda index: abs(self.places[index] - place))]


class Quantizer(nn.Module):
    """Residual quantization scale by scale with one codebook (algorithms 1 and 2 of the paper).

    Args:
        scales: rows and columns of each scale for a map of ``scales[-1]``; of other maps in proportion, rounded up.
    """

    def __init__(self, entries: int, channels: int, scales: Sequence[int], part: float, refinements: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(entries, channels)
        self.quant_resi = Refinements(channels, part, refinements)
        self.scales = tuple(scales)

    def grids(self, height: int, width: int) -> list[tuple[int, int]]:
        """Rows and columns of each scale of a map of this size."""
        parts = [Fraction(scale, self.scales[-1]) for scale in self.scales]
        return [(math.ceil(height * part), math.ceil(width * part)) for part in parts]

    def encode(self, maps: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes ``[batch, rows, columns]`` of each scale of maps ``[batch, channels, height, width]``."""
        rest, codes = maps, []
        for scale, grid in enumerate(self.grids(*maps.shape[2:])):
            averages = F.interpolate(rest, grid, mode="area").permute(0, 2, 3, 1)
            codes.append(nearest(averages, self.embedding.weight))
            rest = rest - self.added(scale, codes[-1], maps.shape[2:])
        return tuple(codes)

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Maps of the codes of all scales."""
        size = codes[-1].shape[1:]
        return torch.stack([self.added(scale, code, size) for scale, code in enumerate(codes)]).sum(0)

    def added(self, scale: int, codes: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """What the codes of one scale add to the maps ``[batch, channels, *size]``."""
        maps = self.embedding(codes).permute(0, 3, 1, 2)
        if tuple(maps.shape[2:]) != tuple(size):
            maps = F.interpolate(maps, tuple(size), mode="bicubic")
        refined: torch.Tensor = self.quant_resi.of(scale, len(self.scales))(maps)
        return refined


class Network(nn.Module):
    """Encoder, quantizer and decoder."""

    def __init__(
        self,
        vocab_size: int = 4096,
        z_channels: int = 32,
        ch: int = 160,
        quant_conv_ks: int = 3,
        quant_resi: float = 0.5,
        share_quant_resi: int = 4,
        v_patch_nums: Sequence[int] = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16),
    ) -> None:
        super().__init__()
        last = len(FACTORS) - 1
        self.encoder = taming.Encoder(ch, FACTORS, BLOCKS, {last}, z_channels, fused=True)
        self.decoder = taming.Decoder(ch, FACTORS, BLOCKS, {last}, z_channels, fused=True)
        self.quantize = Quantizer(vocab_size, z_channels, v_patch_nums, quant_resi, share_quant_resi)
        self.quant_conv, self.post_quant_conv = (
            nn.Conv2d(z_channels, z_channels, quant_conv_ks, padding=quant_conv_ks // 2) for _ in range(2)
        )


class VAR(PublishedCodes):
    """VAR's multi-scale VQ autoencoder: residual codes of one codebook over ten grids, 680 for 256x256 pixels.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "VAR's VQVAE"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of VAR's ``VQVAE``, which names them all."""
        if "v_patch_nums" not in config:
            return None
        return Layout(config, unused=r"quantize\.ema_vocab_hit_SV")

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return int(2 ** (len(FACTORS) - 1))

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return _codebooks(model.quantize.embedding.num_embeddings, model.quantize.scales)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return _codebooks(config["vocab_size"], config["v_patch_nums"])

    def positions(self, height: int, width: int) -> list[int]:
        grids = self.model.quantize.grids(math.ceil(height / self.factor), math.ceil(width / self.factor))
        return [rows * columns for rows, columns in grids]

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return each(self.model.quantize.encode, self.model.quant_conv(self.model.encoder(images)))

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decoder(self.model.post_quant_conv(self.model.quantize.decode(codes)))
        return images


def _codebooks(entries: int, scales: Sequence[int]) -> tuple[Codebook, ...]:
    side = 2 ** (len(FACTORS) - 1) * scales[-1]
    return tuple(Codebook(entries, share(scale**2, side)) for scale in scales)
