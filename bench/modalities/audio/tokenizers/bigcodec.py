"""BigCodec, a speech codec with one codebook (Xin et al. 2024, arXiv 2409.05377; Aria-K-Alethia/BigCodec)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.audio.networks.alias_free import AliasFree
from bench.modalities.audio.networks.codebooks import Entries, nearest
from bench.modalities.audio.tokenizers.pretrained import Structure
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.layouts import Layout

RATE = 16000
"""Samples per second of all its recordings; no configuration states it."""


class Residual(nn.Module):
    """A dilated convolution over seven samples and one over a single one, each after an activation, and the input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            AliasFree(channels),
            nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation),
            AliasFree(channels),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.block(x)
        return x + inner


class Stage(nn.Module):
    """Modules in a row, under the name that the publisher's files have for them."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.block = nn.Sequential(*modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.block(x)
        return out


class Recurrence(nn.Module):
    """An LSTM over time, added to its input."""

    def __init__(self, channels: int, layers: int, both_ways: bool) -> None:
        super().__init__()
        width = channels // 2 if both_ways else channels
        self.lstm = nn.LSTM(channels, width, layers, batch_first=True, bidirectional=both_ways)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        remembered: torch.Tensor = self.lstm(x.transpose(1, 2))[0]
        return x + remembered.transpose(1, 2)


def encoder(
    ngf: int,
    use_rnn: bool,
    rnn_bidirectional: bool,
    rnn_num_layers: int,
    up_ratios: Sequence[int],
    dilations: Sequence[int],
    out_channels: int,
) -> Stage:
    """Waves ``[batch, 1, time]`` to latents ``[batch, out_channels, time / hop]``; arguments as the publisher's."""
    modules: list[nn.Module] = [nn.Conv1d(1, ngf, 7, padding=3)]
    width = ngf
    for stride in up_ratios:
        down = nn.Conv1d(width, 2 * width, 2 * stride, stride, padding=stride // 2 + stride % 2)
        inner = [Residual(width, dilation) for dilation in dilations]
        modules.append(Stage([*inner, AliasFree(width), down]))
        width *= 2
    if use_rnn:
        modules.append(Recurrence(width, rnn_num_layers, rnn_bidirectional))
    return Stage([*modules, AliasFree(width), nn.Conv1d(width, out_channels, 3, padding=1)])


class Factorized(nn.Module):
    """A codebook of a few dimensions whose entry is that of the nearest direction, between two projections."""

    def __init__(self, channels: int, entries: int, width: int) -> None:
        super().__init__()
        self.in_proj, self.out_proj = nn.Linear(channels, width), nn.Linear(width, channels)
        self._codebook = Entries(entries, width)

    def encode(self, latents: torch.Tensor) -> torch.Tensor:
        """Codes ``[batch, frames]`` of latents ``[batch, channels, frames]``."""
        directions = F.normalize(self.in_proj(latents.transpose(1, 2)), dim=-1)
        return nearest(directions, F.normalize(self._codebook.weight))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Latents of the codes, from the entries as they are stored."""
        latents: torch.Tensor = self.out_proj(self._codebook(codes))
        return latents.transpose(1, 2)


class Quantizer(nn.Module):
    """Codebooks one after the other, each of what the ones before it leave."""

    def __init__(self, channels: int, entries: int, width: int, books: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Factorized(channels, entries, width) for _ in range(books))


class Decoder(nn.Module):
    """Codes to waves; the quantizer is part of it in the publisher's file."""

    def __init__(
        self,
        in_channels: int,
        upsample_initial_channel: int,
        use_rnn: bool,
        rnn_bidirectional: bool,
        rnn_num_layers: int,
        up_ratios: Sequence[int],
        dilations: Sequence[int],
        vq_num_quantizers: int,
        codebook_size: int,
        codebook_dim: int,
    ) -> None:
        super().__init__()
        self.quantizer = Quantizer(in_channels, codebook_size, codebook_dim, vq_num_quantizers)
        width = upsample_initial_channel
        modules: list[nn.Module] = [nn.Conv1d(in_channels, width, 7, padding=3)]
        if use_rnn:
            modules.append(Recurrence(width, rnn_num_layers, rnn_bidirectional))
        for stride in up_ratios:
            odd = stride % 2
            up = nn.ConvTranspose1d(width, width // 2, 2 * stride, stride, stride // 2 + odd, output_padding=odd)
            inner = [Residual(width // 2, dilation) for dilation in dilations]
            modules.append(Stage([AliasFree(width), up, *inner]))
            width //= 2
        self.model = nn.Sequential(*modules, AliasFree(width), nn.Conv1d(width, 1, 7, padding=3), nn.Tanh())


class Network(nn.Module):
    """Encoder and decoder, with the hop of both in samples."""

    def __init__(self, codec_encoder: Mapping[str, Any], codec_decoder: Mapping[str, Any]) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(**codec_encoder), Decoder(**codec_decoder)
        self.hop = math.prod(codec_encoder["up_ratios"])


class BigCodec(PublishedCodec):
    """BigCodec: 80 codes per second of one codebook with 8192 entries, for speech at 16 kHz.

    As in the publisher's script, a clip gets zeros up to the next whole hop, and a hop of them if it has whole hops.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "BigCodec"
    pads = False

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` is that of the publisher's ``config/model``."""
        if "codec_encoder" not in config:
            return None
        unstated = {"ngf", "vq_dim", "vq_commit_weight", "vq_weight_init", "vq_full_commit_loss"}
        decoder = {key: value for key, value in config["codec_decoder"].items() if key not in unstated}
        return Layout(
            {"codec_encoder": config["codec_encoder"], "codec_decoder": decoder},
            renames=((r"^CodecEnc\.", "encoder."), (r"^generator\.", "decoder.")),
            parts=("CodecEnc", "generator"),
        )

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        books = [layer._codebook.count for layer in model.decoder.quantizer.layers]
        return Structure(RATE, model.hop, tuple(books))

    def positions(self, samples: int) -> tuple[int, ...]:
        return (samples // self.structure.hop + 1,) * len(self.codebooks)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        hop = self.structure.hop
        rest = self.model.encoder(F.pad(waves, (0, hop - waves.shape[2] % hop)))
        codes = []
        for layer in self.model.decoder.quantizer.layers:
            codes.append(layer.encode(rest))
            rest = rest - layer.decode(codes[-1])
        return codes

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        layers = self.model.decoder.quantizer.layers
        latents = torch.stack([layer.decode(code) for layer, code in zip(layers, codes, strict=True)]).sum(0)
        waves: torch.Tensor = self.model.decoder.model(latents)
        return waves
