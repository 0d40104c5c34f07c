"""TiTok, image tokenizers with codes or latents in one dimension (Yu et al. 2024, arXiv 2406.07550)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.networks import maskgit
from bench.modalities.image.networks.nearest_entry import NearestEntry
from bench.modalities.image.networks.titok import SIZES, Decoder, Encoder
from bench.modalities.image.tokenizers.posterior import PosteriorLatents
from bench.modalities.image.tokenizers.published import Published, PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import share

MASKGIT = {"entries": 1024, "latents": 256, "width": 128, "factors": (1, 1, 2, 2, 4), "blocks": 2}
"""Codebook and decoder of MaskGIT in the older models: the publisher's code fixes them, no configuration names them."""


class Network(nn.Module):
    """Encoder, quantizer where there is one, and decoder.

    Args:
        config: ``model.vq_model`` of the publisher's configuration, with ``crop_size`` and ``maskgit``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.side: int = config["crop_size"]
        self.tokens: int = config["num_latent_tokens"]
        older, channels = config["is_legacy"], config["token_size"]
        encoder, decoder = (_size(config[f"vit_{part}_model_size"]) for part in ("enc", "dec"))
        coded = config["quantize_mode"] == "vq"
        patches = config["vit_enc_patch_size"], config["vit_dec_patch_size"]
        self.factor: int = patches[0]
        out = channels if coded else 2 * channels
        self.encoder = Encoder(encoder, self.side, patches[0], self.tokens, out, transposed=older)
        pixels = dict(config["maskgit"])
        entries = pixels.pop("entries") if older else 0
        self.decoder = Decoder(decoder, self.side, patches[1], self.tokens, channels, entries)
        self.latent_tokens = nn.Parameter(torch.empty(self.tokens, self.encoder.width))
        if coded:
            self.quantize = NearestEntry(config["codebook_size"], channels, config["use_l2_norm"])
        if older:
            self.pixel_quantize = NearestEntry(entries, pixels["latents"])
            self.pixel_decoder = maskgit.Decoder(**pixels)
        self.older = older

    def encoded(self, images: torch.Tensor) -> torch.Tensor:
        """What the encoder makes of images ``[batch, 3, side, side]``: ``[batch, tokens, channels]``."""
        out: torch.Tensor = self.encoder(images, self.latent_tokens)
        return out

    def decoded(self, latents: torch.Tensor) -> torch.Tensor:
        """Images of latents ``[batch, tokens, channels]``."""
        images: torch.Tensor = self.decoder(latents)
        if self.older:
            # The mean of MaskGIT's entries under their probabilities, not the likeliest of them.
            mean = images.softmax(1).movedim(1, -1) @ self.pixel_quantize.embedding.weight
            images = self.pixel_decoder(mean.movedim(-1, 1).contiguous())
        return images


class OneDimensional(Published):
    """What TiTok's tokenizers share: images of one size, values in [0, 1], tokens in one dimension."""

    darkest = 0.0
    mode: str
    """``quantize_mode`` of the configurations that a class reads."""

    @classmethod
    def layout(cls, config: Mapping[str, Any]) -> Layout | None:
        """The layout of a checkpoint; ``config`` is that of the publisher's hub folders and YAML files.

        Raises:
            BenchError: its tokens are of the other kind, or it is of the first stage of training, whose decoder is
                another model's.
        """
        match config:
            case {"model": {"vq_model": dict(inner)}, "dataset": {"preprocessing": {"crop_size": int(side)}}}:
                arguments = {"quantize_mode": "vq", "is_legacy": True, "use_l2_norm": False, "maskgit": MASKGIT}
                arguments |= inner
                if arguments["quantize_mode"] != cls.mode:
                    raise BenchError(f"quantize_mode {arguments['quantize_mode']}; {cls.called} has {cls.mode}")
                if arguments["is_legacy"] != inner.get("finetune_decoder", True):
                    raise BenchError("of the first stage of training, which predicts the codes of another tokenizer")
                return Layout(arguments | {"crop_size": side}, renames=maskgit.RENAMES)
        return None

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.factor

    @staticmethod
    def side_of(model: Network) -> int:
        return model.side

    @property
    def covers(self) -> str:
        """The part of an image that one token stands for, in words."""
        return share(self.model.tokens, self.side)

    def positions(self, height: int, width: int) -> list[int]:
        return [self.model.tokens]


class TiTok(OneDimensional, PublishedCodes):
    """TiTok with codes: 32 to 256 of one codebook for an image of 256x256 pixels.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "TiTok"
    mode = "vq"

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return (Codebook(model.quantize.size, self.covers),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        inner, side = config["model"]["vq_model"], config["dataset"]["preprocessing"]["crop_size"]
        return (Codebook(inner["codebook_size"], share(inner["num_latent_tokens"], side)),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return each(lambda latents: (self.model.quantize.encode(latents),), self.model.encoded(images))

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decoded(self.model.quantize.decode(codes[0]))
        return images


class TiTokVAE(OneDimensional, PosteriorLatents):
    """TiTok with latents: 32 to 128 vectors of 16 numbers for an image of 256x256 pixels.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        latents: ``mode`` of the posterior, or a ``sample`` of it, as the publisher's evaluation takes.
        seed: seed of the samples; see ``bench.modalities.image.tokenizers.posterior``.
    """

    called = "TiTok's VAE"
    mode = "vae"

    def posterior_of(self, images: torch.Tensor) -> torch.Tensor:
        parameters: torch.Tensor = self.model.encoded(images)
        return parameters

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.model.decoded(latents)
        return images


def _size(stated: Any) -> tuple[int, int, int]:
    """Width, layers and heads of a transformer, which a configuration names or lists."""
    width, layers, heads = SIZES[stated] if isinstance(stated, str) else stated
    return width, layers, heads
