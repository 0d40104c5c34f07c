"""Index backpropagation quantization (IBQ; Shi et al. 2024, arXiv 2412.02692; github.com/TencentARC/SEED-Voken)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.modalities.image.networks.ddconfig import Quantizer
from bench.modalities.image.tokenizers.taming_codes import TamingCodes


class LargestProduct(Quantizer):
    """One codebook. The code of a latent is the entry of the largest inner product with it, not the nearest one.

    Products are computed in float32 whatever the dtype: in bfloat16 many of 262144 entries would have the same.
    """

    def __init__(self, entries: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(entries, channels)
        self.entries = (entries,)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        products = latents.permute(0, 2, 3, 1).float() @ self.embedding.weight.float().T
        return (products.argmax(-1),)

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        latents: torch.Tensor = self.embedding(codes[0]).permute(0, 3, 1, 2)
        return latents


class IBQ(TamingCodes):
    """IBQ's tokenizers: one codebook of up to 262144 entries, for 16x16 pixels each.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "IBQ"
    targets = ("IBQ",)

    @classmethod
    def quantizer(cls, config: Mapping[str, Any]) -> LargestProduct:
        return LargestProduct(config["n_embed"], config["embed_dim"])
