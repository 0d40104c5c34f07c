"""BigCodec, a speech codec with one codebook (Xin et al. 2024, arXiv 2409.05377; Aria-K-Alethia/BigCodec)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.audio.networks.bigcodec import Quantizer, encoder, generator
from bench.modalities.audio.networks.recurrence import Recurrence
from bench.modalities.audio.tokenizers.pretrained import Structure
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.layouts import Layout

RATE = 16000
"""Samples per second of all its recordings; no configuration states it."""


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
        recurrence = [Recurrence(width, rnn_num_layers, rnn_bidirectional)] if use_rnn else []
        self.model = generator(in_channels, width, up_ratios, dilations, recurrence)


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
            renames=((r"^CodecEnc\.", "encoder."), (r"^generator\.", "decoder."), (r"\._codebook\.", ".codebook.")),
            parts=("CodecEnc", "generator"),
        )

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        return Structure(RATE, model.hop, model.decoder.quantizer.sizes)

    def positions(self, samples: int) -> tuple[int, ...]:
        return (samples // self.structure.hop + 1,) * len(self.codebooks)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        hop = self.structure.hop
        latents = self.model.encoder(F.pad(waves, (0, hop - waves.shape[2] % hop)))
        codes, _ = self.model.decoder.quantizer.encode(latents)
        return list(codes)

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        latents = self.model.decoder.quantizer.decode(codes)
        waves: torch.Tensor = self.model.decoder.model(latents)
        return waves
