"""Raster-order autoregression over one codebook."""

from __future__ import annotations

import torch

from bench.backbones.base import Size, Structure
from bench.backbones.causal import Causal
from bench.backbones.layers import Head, Places, Trunk, embedding, inside
from bench.backbones.sampling import Sampling, sample
from bench.contracts.tokens import Tokens
from bench.errors import BenchError


class Raster(Causal):
    """p(codes | class) = Π_t p(code_t | codes before t, class), row by row.

    VQGAN's transformer (Esser et al. 2021, §3.2) in LlamaGen's form (Sun et al. 2024): a Llama, the class as
    the first token, classifier-free guidance. A sequence of audio or text is a grid of one row.
    """

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        if len(structure.sizes) != 1:
            raise BenchError(f"raster order models one codebook, not {len(structure.sizes)}; use depthwise or delay")
        super().__init__(structure, size, classes)
        (codes,), (positions,) = structure.sizes, structure.positions
        self.embedding = embedding(codes, size.width)
        self.places = Places(structure.grids[0], size.width)
        self.trunk = Trunk(size, positions)
        self.head = Head(size.width, codes)

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        codes = tokens.codes[0].flatten(1).to(self.device)
        unpadded = inside(tokens.positions(0).to(self.device), codes.shape[1])
        before = torch.cat([start[:, None], self.embedding(codes[:, :-1])], dim=1)
        hidden = self.trunk(before + self.places(codes.shape[1]))
        return (self.head.nats(hidden, codes) * unpadded).sum(1)

    def embedded(self, rows: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.embedding(rows[..., 0])
        return embeddings

    def draw_row(self, hidden: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        return sample(self.head(hidden), sampling, uniform[:, 0])[:, None]
