"""MaskGIT's VQGAN (Chang et al. 2022, arXiv 2202.04200), as open-muse and 1d-tokenizer have it in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import maskgit
from bench.modalities.image.networks.nearest_entry import NearestEntry
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area

_NEEDED = {"hidden_channels", "channel_mult", "num_res_blocks", "z_channels", "num_embeddings"}


class Network(nn.Module):
    """Encoder, quantizer and decoder.

    Args:
        quantize: has a ``size``, codes of vectors (``encode``) and vectors of codes (``decode``).
        latents: channels of its vectors.
        hidden_channels, channel_mult, num_res_blocks: widths and depth, as publishers call them.
        learned, finest_first: see ``bench.modalities.image.networks.maskgit``.
        decoder_blocks: residual blocks of each stage of the decoder; by default as many as in the encoder.
    """

    def __init__(
        self,
        quantize: nn.Module,
        latents: int,
        hidden_channels: int,
        channel_mult: Sequence[int],
        num_res_blocks: int,
        learned: bool = False,
        finest_first: bool = True,
        decoder_blocks: int | None = None,
    ) -> None:
        super().__init__()
        self.factor: int = 2 ** (len(channel_mult) - 1)
        self.encoder = maskgit.Encoder(hidden_channels, channel_mult, num_res_blocks, latents, learned)
        self.decoder = maskgit.Decoder(
            hidden_channels, channel_mult, decoder_blocks or num_res_blocks, latents, finest_first
        )
        self.quantize = quantize


class MaskGIT(PublishedCodes):
    """MaskGIT's VQ autoencoder: one code per 16x16 pixels of a codebook of 1024 entries. It sees values in [0, 1].

    It reads the file that 1d-tokenizer publishes, and the folders of open-muse's ``MaskGitVQGAN``.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "MaskGIT's VQGAN"
    darkest = 0.0

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of open-muse's ``MaskGitVQGAN``."""
        if not config.keys() >= _NEEDED:
            return None
        return Layout({name: config[name] for name in _NEEDED}, renames=maskgit.RENAMES)

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        sizes = {name: config[name] for name in ("hidden_channels", "channel_mult", "num_res_blocks")}
        return Network(NearestEntry(config["num_embeddings"], config["z_channels"]), config["z_channels"], **sizes)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.factor

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        size: Any = model.quantize.size
        return (Codebook(size, area(model.factor)),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return (Codebook(config["num_embeddings"], area(2 ** (len(config["channel_mult"]) - 1))),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return each(lambda latents: (self.model.quantize.encode(latents.movedim(1, -1)),), self.model.encoder(images))

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        latents = self.model.quantize.decode(codes[0]).movedim(-1, 1)
        images: torch.Tensor = self.model.decoder(latents.to(self.dtype).contiguous())
        return images
