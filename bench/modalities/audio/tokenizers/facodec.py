"""FACodec of NaturalSpeech 3 (Ju et al. 2024, arXiv 2403.03100; open-mmlab/Amphion models/codec/ns3_codec)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.modalities.audio.networks.bigcodec import Quantizer, encoder, generator
from bench.modalities.audio.networks.dac import DILATIONS
from bench.modalities.audio.tokenizers.pretrained import PretrainedAudioTokenizer, Structure
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.layouts import Layout
from bench.tokenizers.readers import network_of

RATE = 16000
"""Samples per second of all its recordings; no configuration states it."""
ENCODER, DECODER = "ns3_facodec_encoder.bin", "ns3_facodec_decoder.bin"
"""The publisher's files."""
WIDTH, LAYERS, HEADS, INNER, KERNEL, PLACES = 256, 4, 4, 1024, 5, 5000
"""The encoder of timbre, which no configuration changes."""


class FeedForward(nn.Module):
    """A convolution over frames and a layer, with a rectifier between them."""

    def __init__(self) -> None:
        super().__init__()
        self.ffn_1, self.ffn_2 = nn.Conv1d(WIDTH, INNER, KERNEL, padding=KERNEL // 2), nn.Linear(INNER, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = F.relu(self.ffn_1(x.transpose(1, 2))).transpose(1, 2)
        out: torch.Tensor = self.ffn_2(inner)
        return out


class Attending(nn.Module):
    """Attention over all frames and a feed-forward network, each added to its input, which is normalized for it."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.self_attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ffn = FeedForward()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normalized = self.ln_1(x)
        x = x + self.self_attn(normalized, normalized, normalized, need_weights=False)[0]
        out: torch.Tensor = x + self.ffn(self.ln_2(x))
        return out


class Places(nn.Module):
    """An encoding of places that is added to all frames of a clip.

    The publisher takes that of the clip's place in its batch; here it is the first, as for clips one at a time there.
    """

    pe: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pe", torch.zeros(PLACES, 1, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.pe[:1]


class Timbre(nn.Module):
    """Latents ``[batch, width, frames]`` of a clip to one vector ``[batch, width]``, the mean over its frames."""

    def __init__(self) -> None:
        super().__init__()
        self.position_emb, self.last_ln = Places(), nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Attending() for _ in range(LAYERS))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = self.position_emb(latents.transpose(1, 2))
        for layer in self.layers:
            x = layer(x)
        mean: torch.Tensor = self.last_ln(x).mean(1)
        return mean


class Decoder(nn.Module):
    """Quantizers, the encoder of timbre, and the generator of waves, which are one module in the publisher's file.

    The quantizers are of prosody, of content, both of the latents, and of what these two leave.
    """

    def __init__(
        self,
        in_channels: int,
        upsample_initial_channel: int,
        up_ratios: Sequence[int],
        vq_num_q_p: int,
        vq_num_q_c: int,
        vq_num_q_r: int,
        codebook_dim: int,
        codebook_size_prosody: int,
        codebook_size_content: int,
        codebook_size_residual: int,
    ) -> None:
        super().__init__()
        bits = (codebook_size_prosody, codebook_size_content, codebook_size_residual)
        books = (vq_num_q_p, vq_num_q_c, vq_num_q_r)
        self.quantizer = nn.ModuleList(
            Quantizer(in_channels, 2**size, codebook_dim, count) for size, count in zip(bits, books, strict=True)
        )
        self.timbre_encoder, self.timbre_linear = Timbre(), nn.Linear(in_channels, 2 * in_channels)
        self.model = generator(in_channels, upsample_initial_channel, up_ratios, DILATIONS)

    @property
    def quantizers(self) -> list[Quantizer]:
        """The quantizers of prosody, content and details."""
        return [quantizer for quantizer in self.quantizer if isinstance(quantizer, Quantizer)]

    def encode(self, latents: torch.Tensor) -> list[torch.Tensor]:
        """Codes ``[batch, frames]`` of each codebook, in the order prosody, content, details."""
        prosody, content, details = self.quantizers
        first, second = prosody.encode(latents)[0], content.encode(latents)[0]
        rest = latents - (prosody.decode(first) + content.decode(second))
        return [*first, *second, *details.encode(rest)[0]]

    def decode(self, codes: list[torch.Tensor], timbre: torch.Tensor) -> torch.Tensor:
        """Waves ``[batch, 1, time]`` of the codes and of the timbre ``[batch, width]``."""
        parts, rest = [], codes
        for quantizer in self.quantizers:
            count = len(quantizer.sizes)
            parts.append(quantizer.decode(rest[:count]))
            rest = rest[count:]
        latents = torch.stack(parts).sum(0).transpose(1, 2)
        factors, offsets = self.timbre_linear(timbre)[:, None].chunk(2, 2)
        styled = F.layer_norm(latents, latents.shape[2:]) * factors + offsets
        waves: torch.Tensor = self.model(styled.transpose(1, 2))
        return waves


class Network(nn.Module):
    """Encoder and decoder, each with the arguments of the publisher's class of that name."""

    def __init__(self, encoder: nn.Module, decoder: Decoder, strides: Sequence[int]) -> None:
        super().__init__()
        self.encoder, self.decoder, self.strides = encoder, decoder, tuple(strides)

    @property
    def hop(self) -> int:
        """Samples of one frame."""
        return math.prod(self.strides)

    def frames(self, samples: int) -> int:
        """Frames of a number of samples: what the strides leave at the end of a clip is not padded."""
        for stride in self.strides:
            samples = (samples + stride % 2) // stride
        return samples


@dataclass(frozen=True)
class Part:
    """The reader of one of the publisher's two files.

    Attributes:
        called: what messages call the network.
        name: ``encoder`` or ``decoder``, of its arguments in the configuration.
    """

    called: str
    name: str

    def layout(self, config: Mapping[str, Any]) -> Layout | None:
        """The layout of the file; None if the configuration is of another model."""
        return FACodec.layout(config) and Layout(config[self.name], renames=((r"\._codebook\.", ".codebook."),))

    def network(self, config: dict[str, Any]) -> Any:
        """The network with random weights."""
        if self.name == "decoder":
            return Decoder(**config)
        return encoder(**config, use_rnn=False, rnn_bidirectional=False, rnn_num_layers=0, dilations=DILATIONS)


class FACodec(PublishedCodec):
    """FACodec: six codebooks for prosody, content and details of speech at 16 kHz, and one vector of timbre per clip.

    The tokens are hybrid: the codes of the six codebooks (80 per second each, 4.8 kbit/s together), and 256 numbers per
    clip which are not quantized and without which the codes are not decoded. They have no nominal bits; papers that
    state 4.8 kbit/s count the codes alone.

    Clips are not padded, as in the publisher's example, except for those that are too short for one frame.

    Args:
        path: a folder with the publisher's two files.
        repo, subfolder, revision, offline, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        file: the file of the encoder.
        beside: the file of the decoder, as ``({"file": NAME},)``.
    """

    called = "FACodec"
    pads = False

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
        beside: Sequence[Mapping[str, str]] = (),
    ) -> None:
        names = (file or ENCODER, *(part["file"] for part in beside or ({"file": DECODER},)))
        parts, located = [], []
        for kind, name in zip(("encoder", "decoder"), names, strict=True):
            place = None if path is None else _inside(path, name, names)
            found = locate(place, repo, subfolder, revision, offline, file=name, config=config, weights=weights)
            parts.append(network_of(Part(f"{self.called}'s {kind}", kind), found)[0])
            located.append(found)
        first, second = located
        model = Network(parts[0], parts[1], first.config["encoder"]["up_ratios"])
        PretrainedAudioTokenizer.__init__(self, first, model, self.structure_in(model))
        self.weights = first.hashes(first.files) | second.hashes(second.files)

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of both files; ``config`` has the arguments of the publisher's two classes."""
        return Layout(config) if {"encoder", "decoder"} <= config.keys() else None

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        first, second = (Part(cls.called, name).network(dict(config[name])) for name in ("encoder", "decoder"))
        return Network(first, second, config["encoder"]["up_ratios"])

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        sizes = [size for quantizer in model.decoder.quantizers for size in quantizer.sizes]
        return Structure(RATE, model.hop, tuple(sizes))

    def positions(self, samples: int) -> tuple[int, ...]:
        return (max(1, self.model.frames(samples)),) * len(self.codebooks)

    def tokens_of(self, waves: torch.Tensor) -> Tokens:
        missing = 0 if self.model.frames(waves.shape[2]) else self.structure.hop - waves.shape[2]
        latents = self.model.encoder(F.pad(waves, (0, missing)))
        codes = self.model.decoder.encode(latents)
        return Tokens(tuple(codes), self.model.decoder.timbre_encoder(latents)[:, None])

    def waves_from(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        timbre = tokens.latents[:, 0].to(self.device, self.dtype)
        waves: torch.Tensor = self.model.decoder.decode([code.to(self.device) for code in tokens.codes], timbre)
        return waves

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        return self.tokens_of(waves).codes

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        raise BenchError("FACodec decodes codes with the timbre of their clip only")


def _inside(path: str, name: str, names: Sequence[str]) -> str:
    """The file of a folder; BenchError, with the files that belong there, if it is not there."""
    if not (file := Path(path) / name).is_file():
        raise BenchError(f"{path}: no {name} in it; give a folder with {' and '.join(names)}")
    return str(file)
