"""Cosmos-Tokenizer's image tokenizers (Agarwal et al. 2025, arXiv 2501.03575; github.com/NVIDIA/Cosmos-Tokenizer).

Wavelets, the convolutional networks of taming-transformers, and finite scalars (DI) or latents as they are (CI).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import taming
from bench.modalities.image.networks.fsq import FiniteScalars
from bench.modalities.image.networks.haar import haar, inverse_haar
from bench.modalities.image.tokenizers.published import Published, PublishedCodes, PublishedLatents
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area

UNUSED = r"(encoder\.|decoder\.un)patcher\.\w+"
"""Filters of the wavelets, which TorchScript archives hold beside the weights."""


class Network(nn.Module):
    """Encoder and decoder around latents of a few channels.

    Args:
        channels, channels_mult, num_res_blocks: width, factors and blocks of the convolutional networks.
        patch_size: side of the squares that wavelets make one position.
        spatial_compression: side of the squares that a token stands for.
        z_channels: channels that the convolutional networks have towards the latents.
        latents: channels of the latents.
    """

    def __init__(
        self,
        channels: int,
        channels_mult: Sequence[int],
        num_res_blocks: int,
        patch_size: int,
        spatial_compression: int,
        z_channels: int,
        latents: int,
    ) -> None:
        super().__init__()
        if patch_size.bit_count() != 1 or spatial_compression.bit_count() != 1:
            raise ValueError(f"patch_size {patch_size}, spatial_compression {spatial_compression}: must be powers of 2")
        self.factor = spatial_compression
        self.steps = patch_size.bit_length() - 1
        resamplings = spatial_compression.bit_length() - patch_size.bit_length()
        if not 0 <= resamplings <= len(channels_mult):
            raise ValueError(
                f"spatial_compression {spatial_compression} does not fit patch_size {patch_size} and "
                f"{len(channels_mult)} stages"
            )
        parts = (channels, channels_mult, num_res_blocks, (), z_channels, 3 * patch_size**2)
        self.encoder = taming.Encoder(*parts, halvings=resamplings)
        self.decoder = taming.Decoder(*parts, doublings=resamplings)
        self.quant_conv = nn.Conv2d(z_channels, latents, 1)
        self.post_quant_conv = nn.Conv2d(latents, z_channels, 1)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Latents ``[batch, h, w, latents]`` of images ``[batch, 3, height, width]`` in [-1, 1]."""
        latents: torch.Tensor = self.quant_conv(self.encoder(haar(images, self.steps)))
        return latents.movedim(1, -1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Images of latents ``[batch, h, w, latents]``."""
        return inverse_haar(self.decoder(self.post_quant_conv(latents.movedim(-1, 1))), self.steps)


class DiscreteNetwork(Network):
    """The network with finite scalars for latents.

    Args:
        levels: number of values of each channel of the latents.
        embedding_dim: number of those channels.
        rest: as of :class:`Network`.
    """

    def __init__(self, levels: Sequence[int], embedding_dim: int, **rest: Any) -> None:
        super().__init__(latents=embedding_dim, **rest)
        if embedding_dim != len(levels):
            raise ValueError(f"embedding_dim {embedding_dim} differs from the number of levels, {len(levels)}")
        self.scalars = FiniteScalars(levels)


class Cosmos(Published):
    """What both kinds share. Files hold weights in bfloat16, which the publisher computes in; here it is float32.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.factor


class CosmosDI(Cosmos, PublishedCodes):
    """Cosmos-Tokenizer's discrete image tokenizer: one code of finite scalars for each square.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "Cosmos-Tokenizer's DI"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has arguments of ``DiscreteImageTokenizer``, with their names."""
        if "spatial_compression" not in config or "levels" not in config:
            return None
        return Layout(config, unused=UNUSED)

    @classmethod
    def network(cls, config: dict[str, Any]) -> DiscreteNetwork:
        return DiscreteNetwork(**config)

    def codebooks_in(self, model: DiscreteNetwork) -> tuple[Codebook, ...]:
        return (Codebook(model.scalars.size, area(model.factor)),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return (Codebook(FiniteScalars(config["levels"]).size, area(config["spatial_compression"])),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.model.scalars.codes(self.model.encode(images)),)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decode(self.model.scalars.latents(codes[0]).to(self.dtype))
        return images


class CosmosCI(Cosmos, PublishedLatents):
    """Cosmos-Tokenizer's continuous image tokenizer: a vector for each square, without noise.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "Cosmos-Tokenizer's CI"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has arguments of ``ContinuousImageTokenizer``, with their names."""
        if "spatial_compression" not in config or "latent_channels" not in config:
            return None
        return Layout(config, unused=UNUSED)

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(latents=config.pop("latent_channels"), **config)

    def latents_of(self, images: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.model.encode(images)
        return latents

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.model.decode(latents)
        return images
