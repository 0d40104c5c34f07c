"""The bitwise multi-scale autoencoder of Infinity (Han et al. 2024, arXiv 2412.04431; FoundationVision/Infinity)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import taming
from bench.modalities.image.networks.signs import codes_of_signs, signs_of_codes
from bench.modalities.image.tokenizers.published import PublishedCodes
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import share

LARGEST = 16
"""Most bits of one code: 65,536 entries can be counted, and learned by a probe."""

_WRAPPED = (
    (r"\.(conv\w*|nin_shortcut)\.conv\.(weight|bias)$", r".\1.\2"),
    (r"\.(norm\w*)\.norm\.(weight|bias)$", r".\1.\2"),
)
"""Infinity wraps convolutions and normalizations, which serve its videos too, in modules of its own."""


def group_bits(bits: int) -> int:
    """Bits of each of the equal groups, as few as there can be of at most ``LARGEST``, that a position's bits form."""
    groups = next(groups for groups in range(1, bits + 1) if bits % groups == 0 and bits // groups <= LARGEST)
    return bits // groups


class Network(nn.Module):
    """Encoder, binary spherical quantization scale by scale, and decoder.

    Args:
        codebook_dim: bits of a position, which are the channels of the latents.
        scales: rows and columns of each scale; the last one is the latents' own.
    """

    def __init__(
        self,
        codebook_dim: int,
        scales: Sequence[int],
        base_ch: int,
        num_res_blocks: int,
        encoder_ch_mult: Sequence[int],
        decoder_ch_mult: Sequence[int],
    ) -> None:
        super().__init__()
        self.encoder = taming.Encoder(base_ch, encoder_ch_mult, num_res_blocks, (), codebook_dim, middle=False)
        self.decoder = taming.Decoder(base_ch, decoder_ch_mult, num_res_blocks, (), codebook_dim, middle=False)
        self.bits = codebook_dim
        self.scales = tuple(scales)
        self.side = int(2 ** (len(encoder_ch_mult) - 1)) * self.scales[-1]

    def signs_of(self, latents: torch.Tensor) -> list[torch.Tensor]:
        """Signs ``[batch, bits, rows, columns]`` of each scale of latents ``[batch, bits, height, width]``.

        They are of what the scales before left over, which dividing by its norm cannot change.
        """
        rest, signs = latents.float(), []
        for scale in self.scales:
            signs.append(2.0 * (_resized(rest, scale, "area") > 0) - 1)
            rest = rest - self.added(signs[-1])
        return signs

    def added(self, signs: torch.Tensor) -> torch.Tensor:
        """What the signs of a scale add to the latents: the corners of a cube in the unit sphere, interpolated."""
        return _resized(signs / math.sqrt(self.bits), self.scales[-1], "trilinear")


def _resized(maps: torch.Tensor, side: int, mode: str) -> torch.Tensor:
    """Maps at another size, interpolated as a video of one frame, as Infinity does."""
    if maps.shape[-1] == side:
        return maps
    return F.interpolate(maps[:, :, None], (1, side, side), mode=mode)[:, :, 0]


class Infinity(PublishedCodes):
    """Infinity's autoencoder: residual bits over seven scales for images of 256x256 pixels, or ten for 512x512.

    A position has 16 to 64 bits. Those of more than 16 are several codes here, of equal groups of bits in the order of
    the channels, the first of a group the highest: two of 12 for 24 bits, two of 16 for 32, and four of 16 for 64.
    Levels are the groups of the first scale, then those of the next.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "Infinity's autoencoder"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has arguments of Infinity's ``vae_model``, and the ``scales``."""
        return Layout(config, renames=_WRAPPED) if {"codebook_dim", "scales"} <= config.keys() else None

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.side // model.scales[-1]

    @staticmethod
    def side_of(model: Network) -> int:
        return model.side

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return _codebooks(model.bits, model.scales, model.side)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        scales = config["scales"]
        return _codebooks(config["codebook_dim"], scales, 2 ** (len(config["encoder_ch_mult"]) - 1) * scales[-1])

    def positions(self, height: int, width: int) -> list[int]:
        return [scale**2 for scale in self.model.scales for _ in self._groups]

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scales = self.model.signs_of(self.model.encoder(images))
        return tuple(code for signs in scales for code in codes_of_signs(signs, self._groups, lowest_first=False))

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        groups = self._groups
        scales = [codes[first : first + len(groups)] for first in range(0, len(codes), len(groups))]
        signs = [signs_of_codes(scale, groups, lowest_first=False) for scale in scales]
        latents = torch.stack([self.model.added(scale) for scale in signs]).sum(0)
        images: torch.Tensor = self.model.decoder(latents.to(self.dtype))
        return images

    @property
    def _groups(self) -> list[int]:
        """The bits of each code of a position."""
        size = group_bits(self.model.bits)
        return [size] * (self.model.bits // size)


def _codebooks(bits: int, scales: Sequence[int], side: int) -> tuple[Codebook, ...]:
    size = group_bits(bits)
    return tuple(Codebook(2**size, share(scale**2, side)) for scale in scales for _ in range(bits // size))
