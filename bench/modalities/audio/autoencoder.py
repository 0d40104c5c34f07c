"""The small network on frames of audio in which bottlenecks are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import BadSample, Dataset
from bench.errors import BenchError
from bench.learning.autoencoder import Autoencoder, NetworkSettings, TrainedTokenizer
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer, resample
from bench.modalities.audio.tokenizers.mdct import frames_of, mdct_basis, wave_of

RATE = 16000
FRAMES_A_SECOND = 100
HOP = RATE // FRAMES_A_SECOND
DIMS = 140
"""MDCT coefficients of a frame that are coded: those below 7 kHz."""
BASIS = mdct_basis(HOP)
FLOOR = 1e-4
"""Smallest standard deviation that a coefficient is divided by, -80 dB of full scale."""


class AudioNetwork(NetworkSettings):
    """The settings of the network on frames of audio."""

    channels: int = Field(default=256, ge=1, description="channels of the network")
    frames: int = Field(default=32, ge=1, description="successive frames of a training example")
    blocks: int = Field(default=1, ge=0, description="residual layers of the encoder and of the decoder")


class TrainedAudio(TrainedTokenizer, AudioTokenizer):
    """Whole clips at 16 kHz, frame by frame."""

    modality = "audio"
    rate = RATE
    equal_lengths = True

    def __init__(self, network: Autoencoder, bottleneck: Any) -> None:
        super().__init__(network, bottleneck)
        if not bottleneck.sizes:
            self.latent_rate = FRAMES_A_SECOND

    @torch.no_grad()
    def encode_waves(self, waves: Audio) -> Tokens:
        frames = torch.stack([frames_of(clip[0], HOP) @ BASIS[:, :DIMS].to(clip) for clip in waves.clips()])
        return self.tokens_of(self.network.encode(frames))

    @torch.no_grad()
    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        frames = F.pad(self.network.decode(self.latents_of(tokens)), (0, HOP - DIMS))
        return torch.stack([wave_of(one, BASIS.to(one)) for one in frames])[:, None]

    def codebook(self, size: int, span: Fraction) -> Codebook:
        rate = FRAMES_A_SECOND / span
        return Codebook(size, f"{1 / rate} s", float(rate))


class Residual(nn.Module):
    """A residual layer: ReLU, linear, ReLU, linear, on every frame alike."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = rows + self.layers(rows)
        return out


class AudioAutoencoder(Autoencoder):
    """A multilayer perceptron on single MDCT frames: 100 frames per second, a latent for each.

    Examples are float32 ``[n, frames, 140]``: the coefficients of successive frames below 7 kHz, at 16 kHz. They are
    divided by their standard deviations over the training frames, and the loss is the mean squared error of what that
    gives, so that quiet high frequencies count as much as loud low ones.
    """

    Settings = AudioNetwork
    tokenizer = TrainedAudio
    scale: torch.Tensor

    def __init__(self, settings: Any, examples: Sequence[torch.Tensor]) -> None:
        super().__init__(settings, examples)
        channels, coded = settings.channels, settings.width
        self.register_buffer("scale", torch.cat(list(examples)).double().std(0).clamp(min=FLOOR).float())
        blocks = [[Residual(channels) for _ in range(settings.blocks)] for _ in range(2)]
        self.encoder = nn.Sequential(nn.Linear(DIMS, channels), *blocks[0], nn.ReLU(), nn.Linear(channels, coded))
        self.decoder = nn.Sequential(nn.Linear(coded, channels), *blocks[1], nn.ReLU(), nn.Linear(channels, DIMS))

    @classmethod
    def examples_of(cls, dataset: Dataset, settings: Any) -> list[torch.Tensor]:
        clips = []
        for index in range(len(dataset)):
            try:
                sample = dataset.load(index)
            except BadSample:
                continue
            mono = sample.signal.float().mean(0, keepdim=True).numpy()
            clips.append(frames_of(torch.from_numpy(resample(mono, sample.rate, RATE)[0]), HOP) @ BASIS[:, :DIMS])
        long = [frames for frames in clips if len(frames) >= settings.frames]
        if not long:
            raise BenchError(
                f"{dataset.name}/{dataset.split} has no clip of at least {settings.frames} frames of 10 ms to train "
                "on; choose another --dataset, or fewer network.frames in a --protocol file"
            )
        return long

    @classmethod
    def draw(cls, examples: Sequence[torch.Tensor], n: int, settings: Any, generator: torch.Generator) -> torch.Tensor:
        sizes = torch.tensor([len(frames) for frames in examples], dtype=torch.float64)
        which = torch.multinomial(sizes, n, replacement=True, generator=generator).tolist()
        places = torch.rand(n, generator=generator, dtype=torch.float64).tolist()
        starts = [
            math.floor(place * (len(examples[one]) - settings.frames + 1))
            for one, place in zip(which, places, strict=True)
        ]
        runs = zip(which, starts, strict=True)
        return torch.stack([examples[one][start : start + settings.frames] for one, start in runs])

    def encode(self, examples: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.encoder(examples / self.scale)
        return latents

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        frames: torch.Tensor = self.decoder(latents)
        return frames * self.scale

    def losses(self, decoded: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return ((decoded - examples) / self.scale).square().mean((1, 2))
