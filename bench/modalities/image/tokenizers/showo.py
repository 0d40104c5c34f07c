"""Show-o's MAGVIT-v2 (Xie et al. 2024, arXiv 2408.12528; github.com/showlab/Show-o): LFQ of 13 bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import taming
from bench.modalities.image.networks.signs import codes_of_signs, signs_of_codes
from bench.modalities.image.tokenizers.published import PublishedCodes
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area

ENCODER: Mapping[str, Any] = {"ch": 128, "ch_mult": (1, 2, 2, 4, 4), "num_res_blocks": (4, 3, 4, 3, 4)}
DECODER: Mapping[str, Any] = {"ch": 128, "ch_mult": (1, 1, 2, 2, 4), "num_res_blocks": (4, 4, 3, 4, 3)}
CHANNELS = 13
"""Default arguments of Show-o's ``VQGANEncoder`` and ``VQGANDecoder``. Its ``MAGVITv2`` takes none, so that its
configuration has none. The attention that they ask for, at a grid of 5x5, is at none of their grids."""


class Network(nn.Module):
    """Encoder and decoder; the quantizer between them is the signs.

    Args:
        encoder, decoder: width, factors and residual blocks of each.
        z_channels: channels of the latents.
    """

    def __init__(self, encoder: Mapping[str, Any], decoder: Mapping[str, Any], z_channels: int) -> None:
        super().__init__()
        self.encoder = taming.Encoder(
            encoder["ch"], encoder["ch_mult"], list(encoder["num_res_blocks"]), (), z_channels
        )
        fewer = [count - 1 for count in decoder["num_res_blocks"]]
        self.decoder = taming.Decoder(decoder["ch"], decoder["ch_mult"], fewer, (), z_channels)
        self.quant_conv, self.post_quant_conv = (nn.Conv2d(z_channels, z_channels, 1) for _ in range(2))
        self.bits = (z_channels,)
        self.factor: int = 2 ** (len(encoder["ch_mult"]) - 1)


class ShowO(PublishedCodes):
    """The image tokenizer of Show-o, whose first channel is the highest binary digit of a code.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "Show-o's MAGVITv2"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a folder or file; ``config`` names the class ``MAGVITv2`` or says nothing."""
        if config.get("_class_name", "MAGVITv2") != "MAGVITv2" or {"model_type", "target", "ddconfig"} & {*config}:
            return None
        return Layout(
            _arguments(config),
            renames=((r"^encoder\.quant_conv\.", "quant_conv."), (r"^decoder\.post_quant_conv\.", "post_quant_conv.")),
        )

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.factor

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return (Codebook(2 ** model.bits[0], area(model.factor)),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        arguments = _arguments(config)
        return (Codebook(2 ** arguments["z_channels"], area(2 ** (len(arguments["encoder"]["ch_mult"]) - 1))),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        latents = self.model.quant_conv(self.model.encoder(images))
        return codes_of_signs(latents, self.model.bits, lowest_first=False)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        signs = signs_of_codes(codes, self.model.bits, lowest_first=False).to(self.dtype)
        images: torch.Tensor = self.model.decoder(self.model.post_quant_conv(signs))
        return images


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the network: those of the configuration, or else the publisher's."""
    defaults = {"encoder": ENCODER, "decoder": DECODER, "z_channels": CHANNELS}
    return {name: config.get(name, default) for name, default in defaults.items()}
