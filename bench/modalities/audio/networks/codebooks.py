"""Codebooks of published codecs: their entries, the nearest of them, and projections to a few dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn import functional as F


def nearest(vectors: torch.Tensor, entries: torch.Tensor) -> torch.Tensor:
    """Index ``[...]`` of the entry of ``[count, width]`` nearest to each vector of ``[..., width]``.

    Distances are computed as publishers do, from squares and products, so that rounding decides as it does there. Of
    equal ones the first is taken.
    """
    squares = vectors.square().sum(-1, keepdim=True) + entries.square().sum(1)
    return (squares - 2 * vectors @ entries.T).argmin(-1)


class Entries(nn.Module):
    """The entries ``[count, width]`` of a codebook.

    Not ``torch.nn.Embedding``: that one draws its weight at random, which takes seconds of imports for a model
    without memory.
    """

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, width))

    @property
    def count(self) -> int:
        """Number of entries."""
        return len(self.weight)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """The entries ``[..., width]`` of codes ``[...]``."""
        return F.embedding(codes, self.weight)


def pointwise(channels: int, out: int) -> nn.Conv1d:
    """A layer over the channels of each frame, as a convolution."""
    return nn.Conv1d(channels, out, 1)


class Factorized(nn.Module):
    """A codebook of a few dimensions whose entry is that of the nearest direction, between two projections.

    From the Descript Audio Codec (Kumar et al. 2023, arXiv 2306.06546).

    Args:
        project: makes a projection: a convolution of single frames, or a linear layer.
    """

    def __init__(
        self, channels: int, entries: int, width: int, project: Callable[[int, int], nn.Module] = pointwise
    ) -> None:
        super().__init__()
        self.in_proj, self.out_proj = project(channels, width), project(width, channels)
        self.codebook = Entries(entries, width)

    def encode(self, latents: torch.Tensor) -> torch.Tensor:
        """Codes ``[batch, frames]`` of latents ``[batch, channels, frames]``."""
        directions = F.normalize(_projected(latents.transpose(1, 2), self.in_proj), dim=-1)
        return nearest(directions, F.normalize(self.codebook.weight))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Latents of the codes, from the entries as they are stored."""
        return _projected(self.codebook(codes), self.out_proj).transpose(1, 2)


def encode_residuals(latents: torch.Tensor, books: Iterable[Factorized]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Codes ``[batch, frames]`` of each codebook, of what the ones before it leave of latents, and what all leave."""
    codes = []
    for book in books:
        codes.append(book.encode(latents))
        latents = latents - book.decode(codes[-1])
    return codes, latents


def decode_residuals(codes: Iterable[torch.Tensor], books: Iterable[Factorized]) -> torch.Tensor:
    """The sum of what the codes of each codebook stand for; as many codebooks as there are codes."""
    return torch.stack([book.decode(code) for book, code in zip(books, codes, strict=False)]).sum(0)


def _projected(vectors: torch.Tensor, layer: nn.Module) -> torch.Tensor:
    """Vectors ``[..., channels]`` through a linear layer, or through a convolution of single frames."""
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return F.linear(vectors, weight.flatten(1), bias)
