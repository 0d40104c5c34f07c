"""The small convolutional autoencoder of images in which bottlenecks are trained."""

from __future__ import annotations

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

FACTOR = 4
"""Pixels of an image that a latent stands for, along each axis."""


class ImageNetwork(NetworkSettings):
    """The settings of the autoencoder of images."""

    channels: int = Field(default=32, ge=2, description="channels of the network")
    crop: int = Field(default=32, ge=8, multiple_of=FACTOR, description="side of a training crop in pixels")
    blocks: int = Field(default=1, ge=0, description="residual blocks of the encoder and of the decoder")


class Residual(nn.Module):
    """A residual block of VQ-VAE: ReLU, 3x3 convolution, ReLU, 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels // 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 1),
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = maps + self.layers(maps)
        return out


class TrainedImages(TrainedTokenizer):
    """Whole images, padded at the right and at the bottom to a multiple of ``FACTOR`` by their last pixels."""

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> Tokens:
        height, width = batch.shape[-2:]
        padded = F.pad(batch, (0, -width % FACTOR, 0, -height % FACTOR), mode="replicate")
        return self.tokens_of(self.network.encode(padded), signal_shape=tuple(batch.shape[1:]))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        _, height, width = tokens.signal_shape
        return self.network.decode(self.latents_of(tokens))[..., :height, :width]

    def codebook(self, size: int, span: Fraction) -> Codebook:
        side = f"{float(FACTOR * span):g}"
        return Codebook(size, f"{side}x{side} pixels")


class ImageAutoencoder(Autoencoder):
    """The encoder and the decoder of VQ-VAE (van den Oord et al. 2017, arXiv 1711.00937, section 4.1), smaller.

    Two convolutions of stride 2 give a latent for each 4x4 pixels, and residual blocks follow. Images are float32
    ``[n, 3, height, width]`` in [0, 1]; the loss is their mean squared error, divided by the variance of the training
    images.
    """

    Settings = ImageNetwork
    tokenizer = TrainedImages
    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, settings: Any, examples: Sequence[torch.Tensor]) -> None:
        super().__init__(settings, examples)
        channels, half, width = settings.channels, settings.channels // 2, settings.width
        pixels = torch.cat([image.flatten(1) for image in examples], 1).double()
        self.register_buffer("mean", pixels.mean(1).float().view(3, 1, 1) / 255)
        self.register_buffer("variance", pixels.var(1).mean().float() / 255**2)
        blocks = [[Residual(channels) for _ in range(settings.blocks)] for _ in range(2)]
        self.encoder = nn.Sequential(
            nn.Conv2d(3, half, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(half, channels, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            *blocks[0],
            nn.ReLU(),
            nn.Conv2d(channels, width, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(width, channels, 3, padding=1),
            *blocks[1],
            nn.ReLU(),
            nn.ConvTranspose2d(channels, half, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(half, 3, 4, 2, 1),
        )

    @classmethod
    def examples_of(cls, dataset: Dataset, settings: Any) -> list[torch.Tensor]:
        images = []
        for index in range(len(dataset)):
            try:
                images.append(dataset.load(index).signal)
            except BadSample:
                continue
        large = [image for image in images if min(image.shape[1:]) >= settings.crop]
        if not large:
            raise BenchError(
                f"{dataset.name}/{dataset.split} has no image of at least {settings.crop}x{settings.crop} pixels to "
                "train on; choose another --dataset, or a smaller network.crop in a --protocol file"
            )
        return large

    @classmethod
    def draw(cls, examples: Sequence[torch.Tensor], n: int, settings: Any, generator: torch.Generator) -> torch.Tensor:
        which = torch.randint(len(examples), (n,), generator=generator).tolist()
        places = torch.rand(n, 2, generator=generator, dtype=torch.float64).tolist()
        crops = []
        for index, (down, right) in zip(which, places, strict=True):
            image, side = examples[index], settings.crop
            top, left = (
                int(share * (room - side + 1)) for share, room in zip((down, right), image.shape[1:], strict=True)
            )
            crops.append(image[:, top : top + side, left : left + side])
        return torch.stack(crops).float() / 255

    def encode(self, examples: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.encoder((examples - self.mean) / self.variance.sqrt())
        return latents.movedim(1, -1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.decoder(latents.movedim(-1, 1))
        return images * self.variance.sqrt() + self.mean

    def losses(self, decoded: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return (decoded - examples).square().mean((1, 2, 3)) / self.variance
