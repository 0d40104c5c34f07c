"""Tokenizers whose speed and troubles are chosen: what a throughput sweep has to show."""

import torch
from torch import nn

from bench.contracts.tokens import Codebook, Tokens
from bench.tokenizers.base import Tokenizer


class Levels(Tokenizer):
    """Codes of 16 levels per value, after a layer that does nothing."""

    codebooks = tuple(Codebook(16, "a value") for _ in range(1))

    def __init__(self) -> None:
        self.layer = nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(3))

    def encode(self, batch: torch.Tensor) -> Tokens:
        values = self.layer(batch.movedim(1, -1).to(self.layer.weight))
        codes = (values * 15).round().clamp(0, 15).nan_to_num(0).long().movedim(-1, 1)
        return Tokens(codes=(codes,), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return tokens.codes[0].to(self.layer.weight) / 15


class Hungry(Levels):
    """Runs out of memory at more than two samples when encoding, or at more than one when decoding."""

    def __init__(self, part: str = "encode") -> None:
        super().__init__()
        self.part = part

    def encode(self, batch: torch.Tensor) -> Tokens:
        if self.part == "encode" and len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 PiB")
        return super().encode(batch)

    def decode(self, tokens: Tokens) -> torch.Tensor:
        if self.part == "decode" and tokens.batch_size > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 PiB")
        return super().decode(tokens)


class Fragile(Levels):
    """Overflows in float16, as the VAE of SDXL does, and has no kernels for bfloat16."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        if self.layer.weight.dtype == torch.bfloat16:
            raise NotImplementedError("\"levels\" not implemented for 'BFloat16'")
        return super().encode(batch)

    def decode(self, tokens: Tokens) -> torch.Tensor:
        values = super().decode(tokens)
        return values * 1e6 * 1e-6 if self.layer.weight.dtype == torch.float16 else values


class Hopeless(Levels):
    """Never encodes."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        raise ZeroDivisionError("no codes today")


class Mute(Levels):
    """Never decodes."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        raise ZeroDivisionError("no images today")
