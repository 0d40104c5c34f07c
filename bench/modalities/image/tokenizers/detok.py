"""DeTok, an autoencoder trained to undo noise on its latents (Yang et al. 2025, arXiv 2507.15856)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.modalities.image.networks.detok import Decoder, Encoder, Size
from bench.modalities.image.tokenizers.published import PublishedLatents
from bench.tokenizers.layouts import Layout

SIZES = {"small": Size(512, 8, 8), "base": Size(768, 12, 12), "large": Size(1024, 24, 16), "xl": Size(1152, 28, 16)}


class Network(nn.Module):
    """Encoder and decoder; the encoder gives means and logarithms of variances of the latents.

    Args:
        img_size: height and width of images in pixels.
        patch_size: side of the squares that a token stands for.
        token_channels: channels of a latent.
        vit_enc_model_size, vit_dec_model_size: names of sizes, or sizes by their attributes.
    """

    def __init__(
        self,
        img_size: int,
        patch_size: int,
        token_channels: int,
        vit_enc_model_size: str | Mapping[str, int],
        vit_dec_model_size: str | Mapping[str, int],
    ) -> None:
        super().__init__()
        self.side, self.patch = img_size, patch_size
        self.encoder = Encoder(_size(vit_enc_model_size), img_size, patch_size, 2 * token_channels)
        self.decoder = Decoder(_size(vit_dec_model_size), img_size, patch_size, token_channels)


class DeTok(PublishedLatents):
    """DeTok: means of the latents of a grid, as the publisher's reconstruction takes them.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "DeTok"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has arguments of the publisher's ``DeTok``, with their names."""
        if "vit_enc_model_size" not in config:
            return None
        return Layout(config, unused=r"decoder\.mask_token")

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.patch

    @staticmethod
    def side_of(model: Network) -> int:
        return model.side

    def latents_of(self, images: torch.Tensor) -> torch.Tensor:
        mean: torch.Tensor = self.model.encoder(images).chunk(2, -1)[0]
        return mean

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.model.decoder(latents)
        return images


def _size(size: str | Mapping[str, int]) -> Size:
    """A size by its name, or by its attributes; ValueError if there is none of that name."""
    if isinstance(size, Mapping):
        return Size(**size)
    if size not in SIZES:
        raise ValueError(f"no size {size} is known here: {', '.join(SIZES)}")
    return SIZES[size]
