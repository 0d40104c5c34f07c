"""Tokenizers whose numbers mean less than they seem to, each for a different reason."""

import threading
import time

import torch
from sounds import Levels
from torch import nn

from bench.contracts.tokens import Codebook, Tokens
from bench.modalities.audio.batch import Audio
from bench.tokenizers.base import Tokenizer


class Perfect(Tokenizer):
    """Returns its input."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        return Tokens(latents=batch.movedim(1, -1).clone(), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        return tokens.latents.movedim(-1, 1)


class Signed(Perfect):
    """Perfect, but in [-1, 1]."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return super().decode(tokens) * 2 - 1


class Bytes(Perfect):
    """Perfect, but from 0 to 255."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return super().decode(tokens) * 255


class Normalized(Perfect):
    """Perfect, but normalized as ImageNet's classifiers expect."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        return (super().decode(tokens) - mean) / deviation


class Overshoots(Perfect):
    """Sharpens, so that edges leave the range, as decoders do."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        images = super().decode(tokens)
        return images + (images - nn.functional.avg_pool2d(images, 5, 1, 2)) / 2


class Wild(Perfect):
    """Noise far outside the range, on no known scale."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return 5 * torch.randn(tokens.signal_shape, generator=generator).expand(tokens.batch_size, -1, -1, -1)


class TrainingNorm(Perfect):
    """Batch norm left in training mode."""

    def __init__(self, train: bool = True) -> None:
        self.norm = nn.BatchNorm2d(3).train(train)

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return torch.sigmoid(self.norm(super().decode(tokens)))


class TrainingDropout(Perfect):
    """Dropout left on."""

    def __init__(self) -> None:
        self.net = nn.Sequential(nn.Identity(), nn.Dropout(0.2))

    def encode(self, batch: torch.Tensor) -> Tokens:
        return super().encode(self.net(batch))


class OneByOne(Perfect):
    """Rejects batches of one sample."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        if len(batch) == 1:
            raise ValueError("expected more than one value per channel")
        return super().encode(batch)


class Reuses(Perfect):
    """Overwrites the tokens and images that it returned last, and a little later everything that it returned."""

    def __init__(self) -> None:
        self.returned: list[torch.Tensor] = []

    def encode(self, batch: torch.Tensor) -> Tokens:
        return self._overwriting(super().encode(batch))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        images = super().decode(tokens).clone()
        tokens.latents.zero_()  # type: ignore[union-attr]
        self.returned.append(images)
        threading.Thread(target=self._spoil, args=[images]).start()
        return images

    def _overwriting(self, tokens: Tokens) -> Tokens:
        for tensor in self.returned:
            tensor.fill_(0.5)
        self.returned = [tokens.latents]  # type: ignore[list-item]
        return tokens

    def _spoil(self, images: torch.Tensor) -> None:
        time.sleep(0.05)
        images.numpy()[:] = 0.5


class SixteenBit(Levels):
    """Audio on the scale of 16-bit numbers, in floating point."""

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        return super().decode_waves(tokens) * 32768


class Loudest(Levels):
    """Divides by the loudest sample of the batch, whichever clips are in it."""

    def encode_waves(self, waves: Audio) -> Tokens:
        return super().encode_waves(waves.like(waves.samples / waves.samples.abs().max()))


class ByPosition(Tokenizer):
    """Codes depend on the position in the batch, but what they decode to does not."""

    codebooks = (Codebook(512, "an image"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        codes = torch.round(batch.mean((1, 2, 3)) * 255).long()[:, None]
        return Tokens(
            codes=(codes + 256 * (torch.arange(len(batch))[:, None] % 2),), signal_shape=tuple(batch.shape[1:])
        )

    def decode(self, tokens: Tokens) -> torch.Tensor:
        level = (tokens.codes[0] % 256).float() / 255
        return level[:, :, None, None].expand(-1, *tokens.signal_shape)
