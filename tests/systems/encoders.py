"""Tokenizers without a decoder, with codes and latents at once, and with as many tokens as an image needs.

Those of images code the mean level of each square of 8x8 pixels in 16 steps, those of audio its loudness.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from bench.contracts.tokens import Codebook, Tokens
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioEncoder, AudioTokenizer
from bench.tokenizers.base import Encoder, Tokenizer

SIDE, STEPS, HOP = 8, 16, 320


def coded(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The step of each square of an image, row by row, ``[batch, squares]``, and what it leaves over."""
    levels = F.avg_pool2d(batch.mean(1, keepdim=True), SIDE).flatten(1) * (STEPS - 1)
    codes = levels.round().long().clamp(0, STEPS - 1)
    return codes, (levels - codes) / (STEPS - 1)


def drawn(levels: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Images of a shape from the level of each square."""
    squares = levels.unflatten(1, (shape[1] // SIDE, shape[2] // SIDE))
    gray: torch.Tensor = squares[:, None].repeat_interleave(SIDE, 2).repeat_interleave(SIDE, 3)
    return gray.expand(-1, 3, -1, -1)


class Units(Encoder):
    """Encodes only."""

    codebooks = (Codebook(STEPS, "8x8 pixels"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        return Tokens(codes=(coded(batch)[0],), signal_shape=tuple(batch.shape[1:]))


class Hybrid(Tokenizer):
    """Codes, and what they leave over as latents."""

    codebooks = (Codebook(STEPS, "8x8 pixels"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        codes, rest = coded(batch)
        return Tokens(codes=(codes,), latents=rest[..., None], signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        return drawn(tokens.codes[0] / (STEPS - 1) + tokens.latents[..., 0], tokens.signal_shape)


class AsNeeded(Tokenizer):
    """As many tokens as an image needs: the last squares that are like the one before them are left out.

    The padding of a batch is the code 0, which stands for black squares too.
    """

    codebooks = (Codebook(STEPS, "8x8 pixels"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        codes, _ = coded(batch)
        differs = F.pad(codes[:, 1:] != codes[:, :-1], (1, 0), value=True)
        lengths = codes.shape[1] - differs.flip(1).int().argmax(1).cpu()
        longest = int(lengths.max())
        inside = torch.arange(longest, device=codes.device) < lengths[:, None].to(codes.device)
        return Tokens(codes=(codes[:, :longest] * inside,), signal_shape=tuple(batch.shape[1:]), lengths=(lengths,))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        count = tokens.signal_shape[1] * tokens.signal_shape[2] // SIDE**2
        rows = [F.pad(row[None].float(), (0, count - len(row)), mode="replicate") for row in tokens.rows(0)]
        return drawn(torch.cat(rows) / (STEPS - 1), tokens.signal_shape)


class EncodesBadly(Units):
    """Broken: the code of an image depends on the others of its batch."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        return super().encode(batch / batch.max() * (1 + torch.arange(len(batch)) % 2)[:, None, None, None] / 2)


def loudness(waves: Audio) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The loudness of each frame in steps of 6 dB ``[batch, frames]``, what they leave over, and frames per clip."""
    frames = -(-waves.lengths // HOP)
    padded = F.pad(waves.samples[:, 0], (0, -waves.samples.shape[2] % HOP))
    level = 8 + torch.log2(padded.unflatten(1, (-1, HOP)).square().mean(2) + 1e-9) / 2
    codes = level.floor().long().clamp(0, 7)
    return codes, level - codes, frames


class SoundUnits(AudioEncoder):
    """Encodes only."""

    codebooks = (Codebook(8, "1/50 s", rate=50),)
    rate = 16000

    def encode_waves(self, waves: Audio) -> Tokens:
        codes, _, frames = loudness(waves)
        return Tokens(codes=(codes,), lengths=(frames,))


class SoundHybrid(AudioTokenizer):
    """Codes, and what they leave over as latents."""

    codebooks = (Codebook(8, "1/50 s", rate=50),)
    rate = 16000

    def encode_waves(self, waves: Audio) -> Tokens:
        codes, rest, frames = loudness(waves)
        return Tokens(codes=(codes,), latents=rest[..., None], lengths=(frames, frames))

    def decode_waves(self, tokens: Tokens) -> Any:
        assert tokens.latents is not None
        loud = 2.0 ** (tokens.codes[0] + tokens.latents[..., 0] - 8)
        return (loud[..., None] * torch.sin(torch.arange(HOP) * 0.1)).flatten(1)[:, None]
