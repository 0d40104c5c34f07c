"""SimVQ's image tokenizers (Zhu et al. 2024, arXiv 2411.02038; github.com/youngsheen/SimVQ)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import magvit2
from bench.modalities.image.networks.ddconfig import factor
from bench.modalities.image.networks.projected_codebook import ProjectedCodebook
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area


class Unmodulated(nn.Module):
    """What stands in the decoder of Open-MAGVIT2 for its normalization by the codes."""

    def forward(self, x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        return x


class Decoder(magvit2.Decoder):
    """The decoder of Open-MAGVIT2 as it was before the codes normalized its stages."""

    def __init__(self, width: int, factors: Sequence[int], blocks: int, latents: int, out_channels: int = 3) -> None:
        super().__init__(width, factors, blocks, latents, out_channels)
        self.adaptive = nn.ModuleList(Unmodulated() for _ in factors)


class Network(nn.Module):
    """Encoder, quantizer and decoder, of ``ddconfig`` and the parameters of ``quantconfig``."""

    def __init__(self, ddconfig: Mapping[str, Any], n_e: int, e_dim: int) -> None:
        super().__init__()
        shape = (ddconfig["ch"], ddconfig["ch_mult"], ddconfig["num_res_blocks"], ddconfig["z_channels"])
        self.encoder = magvit2.Encoder(*shape, ddconfig["in_channels"])
        self.decoder = Decoder(*shape, ddconfig["out_ch"])
        self.quantize = ProjectedCodebook(n_e, e_dim, e_dim)
        self.factor = factor(ddconfig)


class SimVQ(PublishedCodes):
    """SimVQ: a codebook of random entries that never changed, behind a trained linear layer.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "SimVQ"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of the publisher's ``VQModel``."""
        if not isinstance(config.get("ddconfig"), Mapping) or not isinstance(config.get("quantconfig"), Mapping):
            return None
        chosen = config["quantconfig"]["params"]
        return Layout({"ddconfig": config["ddconfig"], "n_e": chosen["n_e"], "e_dim": chosen["e_dim"]})

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.factor

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return (Codebook(model.quantize.entries[0], area(model.factor)),)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return (Codebook(config["quantconfig"]["params"]["n_e"], area(factor(config["ddconfig"]))),)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return each(self.model.quantize.encode, self.model.encoder(images))

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decoder(self.model.quantize.decode(codes))
        return images
