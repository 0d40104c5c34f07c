"""A codebook behind a linear layer: SimVQ (Zhu et al. 2024, arXiv 2411.02038) and VQGAN-LC (arXiv 2406.11837)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks.ddconfig import Quantizer
from bench.modalities.image.networks.nearest_entry import nearest


class ProjectedCodebook(Quantizer):
    """The code of a latent is the nearest entry of a codebook that a linear layer has mapped to the latents' channels.

    Args:
        entries: the number of entries.
        channels: those of latents.
        stored: channels of the entries before the layer.
    """

    def __init__(self, entries: int, channels: int, stored: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(entries, stored)
        self.embedding_proj = nn.Linear(stored, channels)
        self.entries = (entries,)

    def projected(self) -> torch.Tensor:
        """All entries ``[entries, channels]``."""
        mapped: torch.Tensor = self.embedding_proj(self.embedding.weight)
        return mapped

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (nearest(latents.permute(0, 2, 3, 1), self.projected()),)

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        latents = F.embedding(codes[0], self.projected())
        return latents.permute(0, 3, 1, 2)
