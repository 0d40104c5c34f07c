"""SoftVQ-VAE and MAETok (Chen et al. 2024, 2025; github.com/Hhhhhhao/continuous_tokenizer): a few latent tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks.soft_vq import Decoder, Encoder, Size
from bench.modalities.image.tokenizers.published import PublishedLatents
from bench.tokenizers.layouts import Layout, reject_other_choices
from bench.tokenizers.pretrained import share

SIZES = {
    f"vit_{name}_patch14_{registers}dinov2.lvd142m": Size(width, depth, heads, 4 if registers else 0)
    for name, width, depth, heads in (("small", 384, 12, 6), ("base", 768, 12, 12), ("large", 1024, 24, 16))
    for registers in ("", "reg4_")
}
"""timm's transformers that the publisher builds on."""

# The mask of training, what the decoder's transformer has for patches it never sees, and places within the grid.
UNUSED = r"quantize\..*codebook_used|encoder\.mask_token|decoder\.model\.patch_embed\..*|(en|de)coder\.freqs_t_[xy]"

_SAME = {"enc_type": "vit", "dec_type": "vit", "to_pixel": "linear"}
"""Choices of the publisher's model that no published file has others of."""


class SoftCodebooks(nn.Module):
    """Each token becomes a mean of entries, weighted by a softmax of their likeness to it.

    Args:
        books: codebooks; each serves a run of the tokens.
        tau: temperature of the softmax.
        unit: whether tokens and entries are compared as directions, and directions averaged.
    """

    def __init__(self, books: int, entries: int, channels: int, tau: float, unit: bool) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(books, entries, channels))
        self.tau, self.unit = tau, unit

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens ``[batch, count, channels]`` that are means of entries."""
        entries: torch.Tensor = self.embedding
        runs = tokens.unflatten(1, (len(entries), -1))
        if self.unit:
            runs, entries = F.normalize(runs, dim=-1), F.normalize(entries, dim=-1)
        weights = (torch.einsum("bnkc,nec->bnke", runs, entries) / self.tau).softmax(-1)
        return torch.einsum("bnke,nec->bnkc", weights, entries).flatten(1, 2)


class Network(nn.Module):
    """Encoder, latents of fewer channels, and decoder.

    Args:
        encoder, decoder: sizes of the two transformers.
        side: height and width of images in pixels.
        patches: sides of the squares that are one token of the encoder, and of the decoder.
        count: number of latent tokens.
        channels: channels of a latent token.
        turning: see :class:`bench.modalities.image.networks.soft_vq.Encoder`.
        leads: whether the decoder has a class token.
        quantize: what becomes of the latents; None if they stay as they are.
    """

    def __init__(
        self,
        encoder: Size,
        decoder: Size,
        side: int,
        patches: tuple[int, int],
        count: int,
        channels: int,
        turning: bool,
        leads: bool,
        quantize: SoftCodebooks | None,
    ) -> None:
        super().__init__()
        self.side, self.count = side, count
        self.encoder = Encoder(encoder, side, patches[0], count, turning)
        self.decoder = Decoder(decoder, side, patches[1], count, turning, leads)
        self.quant_conv = nn.Linear(encoder.width, channels)
        self.post_quant_conv = nn.Linear(channels, decoder.width)
        self.quantize = quantize

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Latents ``[batch, count, channels]`` of images ``[batch, 3, side, side]`` in [-1, 1]."""
        latents: torch.Tensor = self.quant_conv(self.encoder(images))
        return latents if self.quantize is None else self.quantize(latents)


class MAETok(PublishedLatents):
    """MAETok: latent tokens as the encoder has them, which saw only parts of the images in training.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "MAETok"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the fields of the publisher's ``ModelArgs``."""
        if "num_latent_tokens" not in config or "codebook_embed_dim" not in config:
            return None
        reject_other_choices(config, _SAME)
        if config.get("use_rope"):
            reject_other_choices({"rope_mixed": config.get("rope_mixed", False)}, {"rope_mixed": True})
        return Layout(config, unused=UNUSED)

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(
            encoder=_size(config["encoder_model"]),
            decoder=_size(config["decoder_model"]),
            side=config["image_size"],
            patches=(config.get("enc_patch_size", 16), config.get("dec_patch_size", 16)),
            count=config["num_latent_tokens"],
            channels=config["codebook_embed_dim"],
            turning=config.get("use_rope", False),
            leads=config.get("dec_cls_token", True),
            quantize=cls.quantizer(config),
        )

    @staticmethod
    def quantizer(config: Mapping[str, Any]) -> SoftCodebooks | None:
        """What becomes of the latents of a model with this configuration."""
        return None

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.encoder.patch

    @staticmethod
    def side_of(model: Network) -> int:
        return model.side

    @property
    def covers(self) -> str:
        return share(self.model.count, self.side)

    def positions(self, height: int, width: int) -> list[int]:
        return [self.model.count]

    def latents_of(self, images: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.model.encode(images)
        return latents

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.model.decoder(self.model.post_quant_conv(latents))
        return images


class SoftVQ(MAETok):
    """SoftVQ-VAE: latent tokens that are means of a codebook's entries, and so as continuous as others.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "SoftVQ-VAE"

    @staticmethod
    def quantizer(config: Mapping[str, Any]) -> SoftCodebooks:
        return SoftCodebooks(
            config["num_codebooks"],
            config["codebook_size"],
            config["codebook_embed_dim"],
            config["tau"],
            config["codebook_l2_norm"],
        )


def _size(model: str | Mapping[str, int]) -> Size:
    """The size of timm's transformer of that name, or of one with these attributes; ValueError if it is not known."""
    if isinstance(model, Mapping):
        return Size(**model)
    if model not in SIZES:
        raise ValueError(f"no transformer {model} is known here: {', '.join(SIZES)}")
    return SIZES[model]
