"""ViT-VQGAN (Yu et al. 2022, arXiv 2110.04627) as thuanz123/enhancing-transformers has trained it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks.attention import heads_of
from bench.modalities.image.networks.nearest_entry import NearestEntry
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area

PARTS = ("image_size", "patch_size", "encoder", "decoder", "quantizer")
"""What the network is made of, among the parameters of the publisher's configurations."""
HEAD = 64
"""Channels of a head of attention, whatever the width."""


class Attention(nn.Module):
    """Self-attention over all positions of sequences ``[batch, positions, channels]``."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(channels, 3 * heads * HEAD, bias=False)
        # The publisher has no projection where one head is as wide as the sequences.
        self.to_out = nn.Identity() if heads == 1 and channels == HEAD else nn.Linear(heads * HEAD, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = F.scaled_dot_product_attention(*heads_of(self.to_qkv(x), self.heads))
        out: torch.Tensor = self.to_out(mixed.transpose(1, 2).flatten(-2))
        return out


class FeedForward(nn.Module):
    """Two linear maps with a hyperbolic tangent between them."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(channels, inner), nn.Tanh(), nn.Linear(inner, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.net(x)
        return out


class Residual(nn.Module):
    """A module of normalized sequences, added to them."""

    def __init__(self, channels: int, module: nn.Module) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(channels), module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.fn(self.norm(x))
        return out


class Transformer(nn.Module):
    """Transformer blocks and a last normalization.

    Args:
        dim, depth, heads, mlp_dim: channels, blocks, heads, and channels within the feed-forward networks.
    """

    def __init__(self, dim: int, depth: int, heads: int, mlp_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(Residual(dim, Attention(dim, heads)), Residual(dim, FeedForward(dim, mlp_dim)))
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        out: torch.Tensor = self.norm(x)
        return out


class Encoder(nn.Module):
    """Images ``[batch, 3, side, side]`` to features ``[batch, rows, columns, dim]``."""

    def __init__(self, positions: int, patch: int, dim: int, **sizes: int) -> None:
        super().__init__()
        self.to_patch_embedding = nn.Sequential(nn.Conv2d(3, dim, patch, stride=patch))
        self.en_pos_embedding = nn.Parameter(torch.zeros(1, positions, dim))
        self.transformer = Transformer(dim, **sizes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.to_patch_embedding(images)
        sequence = self.transformer(maps.flatten(2).mT + self.en_pos_embedding)
        features: torch.Tensor = sequence.unflatten(1, maps.shape[2:])
        return features


class Decoder(nn.Module):
    """Features ``[batch, rows, columns, dim]`` to images ``[batch, 3, side, side]``."""

    def __init__(self, positions: int, patch: int, dim: int, **sizes: int) -> None:
        super().__init__()
        self.de_pos_embedding = nn.Parameter(torch.zeros(1, positions, dim))
        self.transformer = Transformer(dim, **sizes)
        # The publisher's first module arranges the sequence as a map.
        self.to_pixel = nn.Sequential(nn.Identity(), nn.ConvTranspose2d(dim, 3, patch, stride=patch))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = self.transformer(features.flatten(1, 2) + self.de_pos_embedding)
        images: torch.Tensor = self.to_pixel(x.unflatten(1, features.shape[1:3]).movedim(-1, 1))
        return images


class Network(nn.Module):
    """Encoder, codebook of unit vectors, and decoder.

    Args:
        image_size, patch_size: in pixels.
        encoder, decoder: see :class:`Transformer`.
        quantizer: ``n_embed`` entries of ``embed_dim`` channels.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        encoder: Mapping[str, int],
        decoder: Mapping[str, int],
        quantizer: Mapping[str, int],
    ) -> None:
        super().__init__()
        self.side, self.patch = image_size, patch_size
        positions = (image_size // patch_size) ** 2
        self.encoder = Encoder(positions, patch_size, **encoder)
        self.decoder = Decoder(positions, patch_size, **decoder)
        self.quantizer = NearestEntry(quantizer["n_embed"], quantizer["embed_dim"], normalized=True)
        self.pre_quant = nn.Linear(encoder["dim"], quantizer["embed_dim"])
        self.post_quant = nn.Linear(quantizer["embed_dim"], decoder["dim"])


class ViTVQGAN(PublishedCodes):
    """ViT-VQGAN: one code for each patch, of a codebook of unit vectors. The network sees values in [0, 1].

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "ViT-VQGAN"
    darkest = 0.0

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` is the publisher's YAML, or the parameters of the model in it."""
        parameters = config["model"]["params"] if "model" in config else config
        if not {*PARTS} <= parameters.keys():
            return None
        return Layout({part: parameters[part] for part in PARTS})

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.patch

    @staticmethod
    def side_of(model: Network) -> int:
        return model.side

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return (Codebook(model.quantizer.size, area(model.patch)),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return (Codebook(config["quantizer"]["n_embed"], area(config["patch_size"])),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        vectors = self.model.pre_quant(self.model.encoder(images))
        return each(lambda vector: (self.model.quantizer.encode(vector),), vectors)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decoder(self.model.post_quant(self.model.quantizer.decode(codes[0])))
        return images
