"""Tokenizers that fail, each in its own way."""

import os
import signal

import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.tokenizers.base import Tokenizer


class Mean(Tokenizer):
    """Correct: the mean level of an image, in 256 steps."""

    codebooks = (Codebook(256, "an image"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        codes = torch.round(batch.mean((1, 2, 3)) * 255).long()[:, None]
        return Tokens(codes=(codes,), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        level = (tokens.codes[0].float() / 255)[:, :, None, None]
        return level.expand(-1, *tokens.signal_shape)


class Talks(Mean):
    def encode(self, batch: torch.Tensor) -> Tokens:
        print("hello")  # noqa: T201
        return super().encode(batch)


class InPlace(Mean):
    """Correct, but it normalizes its input in place, as many do."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        batch.sub_(0.5).div_(0.5)
        return super().encode(batch / 2 + 0.5)


class Noisy(Mean):
    """Correct, but random."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return super().decode(tokens) + 0.1 * torch.randn(tokens.batch_size, *tokens.signal_shape)


class Remembers(Mean):
    """Returns what was encoded last, whatever the tokens say."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        self.last = batch
        return super().encode(batch)

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return self.last


class Levels(Mean):
    def decode(self, tokens: Tokens) -> torch.Tensor:
        return (super().decode(tokens) * 255).byte()


class NotANumber(Mean):
    def decode(self, tokens: Tokens) -> torch.Tensor:
        return super().decode(tokens) / 0 * 0


class WrongShape(Mean):
    def decode(self, tokens: Tokens) -> torch.Tensor:
        return super().decode(tokens)[..., :-1]


class OutsideCodebook(Mean):
    codebooks = (Codebook(2, "an image"),)


class Raises(Mean):
    def encode(self, batch: torch.Tensor) -> Tokens:
        raise RuntimeError("CUDA out of memory, say")


class Killed(Mean):
    """Killed, as the kernel kills a process that takes too much memory."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class Slow(Mean):
    """Waits in ``fit``, so that a test can kill the run meanwhile."""

    def __init__(self, seconds: float = 60) -> None:
        self.seconds = seconds

    def fit(self, dataset: object, seed: int) -> None:
        import time

        time.sleep(self.seconds)
