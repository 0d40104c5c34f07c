"""WavTokenizer, one codebook for any audio (Ji et al. 2024, arXiv 2408.16532; jishengpeng/WavTokenizer)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.audio.networks.codebooks import Entries, nearest
from bench.modalities.audio.networks.seanet import Encoder
from bench.modalities.audio.networks.vocos import AdaptiveNorm, ConvNeXt, Fourier
from bench.modalities.audio.tokenizers.pretrained import Structure
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.layouts import Layout

FILTERS = 32
"""Channels of the encoder at the rate of the samples; no configuration states them."""


def norm(channels: int) -> nn.GroupNorm:
    """The normalization before the ConvNeXt blocks: 32 groups."""
    return nn.GroupNorm(32, channels, eps=1e-6)


class Residual(nn.Module):
    """Two normalized convolutions over three frames, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv1d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = norm(channels), nn.Conv1d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.conv1(F.silu(self.norm1(x)))
        inner = self.conv2(F.silu(self.norm2(inner)))
        return x + inner


class Attention(nn.Module):
    """Attention of one head over all frames, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv1d(channels, channels, 1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm(x)
        query, key, value = (part(inner).transpose(1, 2) for part in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = self.proj_out(mixed.transpose(1, 2))
        return x + out


class Backbone(nn.Module):
    """Latents ``[batch, input_channels, frames]`` to ``[batch, frames, dim]``."""

    def __init__(
        self, input_channels: int, dim: int, intermediate_dim: int, num_layers: int, adanorm_num_embeddings: int
    ) -> None:
        super().__init__()
        self.embed = nn.Conv1d(input_channels, dim, 7, padding=3)
        self.pos_net = nn.Sequential(
            Residual(dim), Residual(dim), Attention(dim), Residual(dim), Residual(dim), norm(dim)
        )
        self.norm = AdaptiveNorm(adanorm_num_embeddings, dim)
        self.convnext = nn.Sequential(
            *(ConvNeXt(dim, intermediate_dim, AdaptiveNorm(adanorm_num_embeddings, dim)) for _ in range(num_layers))
        )
        self.final_layer_norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        frames = self.norm(self.pos_net(self.embed(latents)).transpose(1, 2)).transpose(1, 2)
        out: torch.Tensor = self.final_layer_norm(self.convnext(frames).transpose(1, 2))
        return out


class Network(nn.Module):
    """Encoder, codebook, backbone and head; arguments by the publisher's names, its spelling of ``dowmsamples`` too."""

    def __init__(
        self, rate: int, extractor: Mapping[str, Any], backbone: Mapping[str, Any], head: Mapping[str, Any]
    ) -> None:
        super().__init__()
        strides, width = extractor["dowmsamples"], backbone["input_channels"]
        self.rate, self.hop = rate, math.prod(strides)
        self.encoder = Encoder(extractor.get("n_filters", FILTERS), strides, width)
        self.codebook = Entries(extractor["vq_bins"], width)
        self.backbone = Backbone(**backbone)
        self.head = Fourier(head["dim"], head["n_fft"], head["hop_length"])


class WavTokenizer(PublishedCodec):
    """WavTokenizer: 40 or 75 codes per second of one codebook with 4096 entries, at 24 kHz.

    Of the decoder's four conditions the first is used, as the publisher's examples do.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "WavTokenizer"
    pads = False

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` is the publisher's YAML, or the arguments of its model."""
        model = _arguments(config["model"]) if "model" in config else config
        if "feature_extractor" not in model:
            return None
        parts = {name: _arguments(model[name]) for name in ("feature_extractor", "backbone", "head")}
        return Layout(
            {
                "rate": model["sample_rate"],
                "extractor": parts["feature_extractor"],
                "backbone": parts["backbone"],
                "head": parts["head"],
            },
            renames=(
                (r"^feature_extractor\.encodec\.encoder\.", "encoder."),
                (r"(^encoder\..*)\.conv\.conv\.", r"\1.conv."),
                (r"^feature_extractor\.encodec\.quantizer\.vq\.layers\.0\._codebook\.embed$", "codebook.weight"),
            ),
            unused=r"head\.istft\.window",
        )

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        return Structure(model.rate, model.hop, (model.codebook.count,))

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        latents = self.model.encoder(waves).transpose(1, 2)
        return [nearest(latents, self.model.codebook.weight)]

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        latents = self.model.codebook(codes[0]).transpose(1, 2)
        waves: torch.Tensor = self.model.head(self.model.backbone(latents))
        return waves


def _arguments(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a class in the publisher's YAML, which has them under ``init_args``."""
    arguments: Mapping[str, Any] = value.get("init_args", value)
    return arguments
