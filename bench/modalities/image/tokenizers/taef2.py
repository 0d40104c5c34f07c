"""TAEF2, the tiny autoencoder for FLUX.2's latents (github.com/madebyollin/taesd), in plain torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bench.contracts.tokens import Tokens
from bench.modalities.image.extractors.shared import load_state
from bench.tokenizers.named_files import locate_files
from bench.tokenizers.pretrained import PretrainedTokenizer

FILES = ("taef2-encoder", "taef2-decoder")
FACTOR = 8
CHANNELS = 32
"""Numbers of one latent token."""
WIDTH = 64
"""Channels of every layer between the first and the last one."""
POOLED = 256
"""Channels of the branch of pooled statistics, in four groups."""
BOUND = 3.0
"""The decoder bounds latents to ±3, softly."""


class Bounded(nn.Module):
    """``3 tanh(x / 3)``: near the identity for small latents, never beyond ±3."""

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.tanh(latents / BOUND) * BOUND


class Block(nn.Module):
    """A residual block of three 3x3 convolutions; ``pooled`` ones first add a branch normalized over the image.

    The names of the parts are those of the published tensors.
    """

    def __init__(self, pooled: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(), nn.ReLU(), _conv(), nn.ReLU(), _conv())
        self.pool = (
            nn.Sequential(
                nn.Conv2d(WIDTH, POOLED, 1, bias=False),
                nn.GroupNorm(4, POOLED),
                nn.ReLU(),
                nn.Conv2d(POOLED, WIDTH, 1, bias=False),
            )
            if pooled
            else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def encoder() -> nn.Sequential:
    """Images ``[batch, 3, h, w]`` in [0, 1] to latents ``[batch, 32, h / 8, w / 8]``."""
    return nn.Sequential(
        _conv(3),
        Block(),
        *(_halved(), Block(), Block(), Block()),
        *(_halved(), Block(), Block(), Block()),
        *(_halved(), Block(pooled=True), Block(pooled=True), Block(pooled=True)),
        _conv(out=CHANNELS),
    )


def decoder() -> nn.Sequential:
    """Latents ``[batch, 32, h / 8, w / 8]`` to images ``[batch, 3, h, w]``, about in [0, 1]."""
    return nn.Sequential(
        *(Bounded(), _conv(CHANNELS), nn.ReLU()),
        *(Block(pooled=True), Block(pooled=True), Block(pooled=True), nn.Upsample(scale_factor=2), _conv(bias=False)),
        *(Block(), Block(), Block(), nn.Upsample(scale_factor=2), _conv(bias=False)),
        *(Block(), Block(), Block(), nn.Upsample(scale_factor=2), _conv(bias=False)),
        *(Block(), _conv(out=3)),
    )


class Taef2(PretrainedTokenizer):
    """TAEF2: continuous tokens ``[batch, h / 8, w / 8, 32]``, close to those of FLUX.2's autoencoder.

    The published tensors are float16; they are computed with in float32 until ``to`` says otherwise.

    Args:
        path: a folder with the publisher's files, ``taef2_encoder.pth`` and ``taef2_decoder.pth``; if None, the
            verified ones of the cache, fetched if they are not there.
        offline: never use the network.

    Raises:
        Unavailable: the files are not on this machine and cannot be fetched.
        BenchError: a file holds other tensors.
    """

    darkest = 0.0

    def __init__(self, path: str | None = None, offline: bool = False) -> None:
        found = locate_files(FILES, path, offline)
        with torch.device("meta"):
            model = nn.ModuleDict({"encoder": encoder(), "decoder": decoder()})
        for part, file in zip(model, found.files, strict=True):
            load_state(model[part], file, f"taef2's {part}", _in_float32)
        super().__init__(found, model, FACTOR)

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> Tokens:
        latents = self.model["encoder"](self.prepared(batch)).float()
        return Tokens(latents=latents.movedim(1, -1).contiguous(), signal_shape=tuple(batch.shape[1:]))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        latents = tokens.latents.movedim(-1, 1).contiguous().to(self.device, self.dtype)
        return self.restored(self.model["decoder"](latents), tokens)


def _conv(channels: int = WIDTH, out: int = WIDTH, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1, bias=bias)


def _halved() -> nn.Conv2d:
    return nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1, bias=False)


def _in_float32(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in state.items()}
