"""UniTok (Ma et al. 2025, arXiv 2502.20321; github.com/FoundationVision/UniTok): eight codes for each 16x16 pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.contracts.tokens import Codebook
from bench.modalities.image.networks import vitamin
from bench.modalities.image.networks.attention import heads_of
from bench.modalities.image.tokenizers.published import PublishedCodes, each
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area

SIDE = 16
"""Side in pixels of the area that one code of each level stands for."""


class Mixing(nn.Module):
    """Attention whose heads are averaged where the width shrinks, and follow one another where it grows."""

    def __init__(self, channels: int, out: int, heads: int) -> None:
        super().__init__()
        inner = max(channels, out)
        self.heads, self.shrinks = heads, channels > out
        self.qkv = nn.Linear(channels, 3 * inner, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(inner)), nn.Parameter(torch.zeros(inner))
        self.register_buffer("zero_k_bias", torch.zeros(inner))
        self.proj = nn.Linear(out, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        biases = torch.cat([self.q_bias, self.get_buffer("zero_k_bias"), self.v_bias])
        mixed = F.scaled_dot_product_attention(*heads_of(self.qkv(x) + biases, self.heads)).transpose(1, 2)
        out: torch.Tensor = self.proj(mixed.mean(-2) if self.shrinks else mixed.flatten(-2))
        return out


class Projection(nn.Module):
    """From one width of sequences to another: attention beside a linear map, then a feed-forward network."""

    def __init__(self, channels: int, out: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(channels), nn.LayerNorm(out), nn.LayerNorm(channels)
        self.attn, self.proj, self.mlp = Mixing(channels, out, heads), nn.Linear(channels, out), vitamin.Gated(out)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        x = maps.flatten(1, 2)
        x = self.proj(self.norm3(x)) + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        out: torch.Tensor = x.unflatten(1, maps.shape[1:3])
        return out


class Part(nn.Module):
    """The codebook of one part of a vector."""

    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self.codebook = nn.Embedding(entries, width)


class Quantizer(nn.Module):
    """A codebook for each of the equal parts of a vector; the entry with the largest cosine is taken."""

    def __init__(self, entries: int, width: int, parts: int) -> None:
        super().__init__()
        self.codebooks = nn.ModuleList(Part(entries, width // parts) for _ in range(parts))

    def directions(self) -> list[torch.Tensor]:
        """The entries of each codebook, of length 1."""
        return [F.normalize(entries.float(), dim=1) for entries in self.codebooks.parameters()]

    def encode(self, vectors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes ``[batch, rows, columns]`` of each part of vectors ``[batch, rows, columns, width]``."""
        parts = vectors.float().chunk(len(self.codebooks), -1)
        pairs = zip(parts, self.directions(), strict=True)
        return tuple((F.normalize(part, dim=-1) @ entries.T).argmax(-1) for part, entries in pairs)

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        """The vectors of codes."""
        return torch.cat([entries[code] for code, entries in zip(codes, self.directions(), strict=True)], -1)


class Network(nn.Module):
    """Encoder, projection, quantizer, projection back, and decoder.

    Args:
        vocab_size: entries of all codebooks together.
        vocab_width: width of the vectors that are quantized.
        num_codebooks: parts that each has a codebook for.
        widths, heads: see :class:`bench.modalities.image.networks.vitamin.Encoder`.
        encoder_depths, decoder_depths: bottlenecks from the finer grid, and transformer blocks.
    """

    def __init__(
        self,
        vocab_size: int,
        vocab_width: int,
        num_codebooks: int,
        widths: Sequence[int],
        encoder_depths: Sequence[int],
        decoder_depths: Sequence[int],
        heads: int,
    ) -> None:
        super().__init__()
        width = widths[2]
        self.encoder = vitamin.Encoder(widths, encoder_depths, heads)
        self.quant_proj = Projection(width, vocab_width, width // vocab_width)
        self.quantizer = Quantizer(vocab_size // num_codebooks, vocab_width, num_codebooks)
        self.post_quant_proj = Projection(vocab_width, width, width // vocab_width)
        self.decoder = vitamin.Decoder(widths, decoder_depths, heads)


class UniTok(PublishedCodes):
    """UniTok: sub-codebooks over the parts of one vector for each 16x16 pixels, each a level. Its text tower is unused.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "UniTok"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of :class:`Network`."""
        if not {"num_codebooks", "vocab_width", "widths"} <= config.keys():
            return None
        return Layout(config, unused=r"quantizer\.codebooks\.\d+\.vocab_usage")

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return SIDE

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return tuple(Codebook(len(entries), area(SIDE)) for entries in model.quantizer.directions())

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        count = int(config["num_codebooks"])
        return (Codebook(config["vocab_size"] // count, area(SIDE)),) * count

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return each(self.model.quantizer.encode, self.model.quant_proj(self.model.encoder(images)))

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        vectors = self.model.quantizer.decode(codes).to(self.dtype)
        images: torch.Tensor = self.model.decoder(self.model.post_quant_proj(vectors))
        return images
