"""VQGAN with codes that its encoder names (GumbelVQ of github.com/CompVis/taming-transformers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.modalities.image.networks.ddconfig import Quantizer
from bench.modalities.image.tokenizers.posterior import generator_of, require_mode_or_sample
from bench.modalities.image.tokenizers.taming_codes import TamingCodes


class Categories(Quantizer):
    """A probability of each entry at each position, from a 1x1 convolution, instead of a distance to it."""

    def __init__(self, entries: int, latents: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(latents, entries, 1)
        self.embed = nn.Embedding(entries, channels)
        self.entries = (entries,)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.proj(latents).argmax(1),)

    def draw(self, latents: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Codes drawn from the probabilities of latents ``[1, channels, h, w]``, at a temperature of 1."""
        logits = self.proj(latents)
        noise = torch.empty(logits.shape).exponential_(generator=generator).log().to(logits)
        codes: torch.Tensor = (logits - noise).argmax(1)
        return codes

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        latents: torch.Tensor = self.embed(codes[0]).permute(0, 3, 1, 2)
        return latents


class GumbelVQ(TamingCodes):
    """taming-transformers' Gumbel VQGAN (Esser et al. 2021, arXiv 2012.09841; trained with the Gumbel softmax).

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        codes: ``mode`` takes the most probable entry; ``sample`` draws one, as the publisher's evaluation does.
        seed: seed of the samples. The noise of an image depends on the seed and on the image itself, never on its
            batch, its place in it or the device.
    """

    called = "GumbelVQ"
    targets = ("GumbelVQ",)
    codes = "mode"
    seed = 0

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        codes: str = "mode",
        seed: int = 0,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        require_mode_or_sample("codes", codes)
        super().__init__(path, repo, subfolder, revision, offline, file, config, weights)
        self.codes, self.seed = codes, seed

    @classmethod
    def quantizer(cls, config: Mapping[str, Any]) -> Categories:
        return Categories(config["n_embed"], config["ddconfig"]["z_channels"], config["embed_dim"])

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.codes == "mode":
            return super().codes_of(images)
        latents = self.model.encode(images)
        drawn = [
            self.model.quantize.draw(latent[None], generator_of(image, self.seed))
            for latent, image in zip(latents, images, strict=True)
        ]
        return (torch.cat(drawn),)
