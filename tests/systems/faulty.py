"""Custom tokenizers with an error in their code, and one that emits nothing."""

import torch
from broken import Mean

from bench.contracts.tokens import Tokens


class Construction(Mean):
    def __init__(self) -> None:
        torch.load("nowhere.pt")


class Fit(Mean):
    def fit(self, dataset: object, seed: int) -> None:
        raise ValueError(f"cannot learn from {type(dataset).__name__}")


class Dark(Mean):
    """Fails on the darker images."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        if bool((batch.mean((1, 2, 3)) < 0.4).any()):
            return _refused(batch)
        return super().encode(batch)


class Nothing(Mean):
    def encode(self, batch: torch.Tensor) -> Tokens:
        codes = torch.zeros(len(batch), 0, dtype=torch.int64)
        return Tokens(codes=(codes,), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return torch.zeros(tokens.batch_size, *tokens.signal_shape)


def _refused(batch: torch.Tensor) -> Tokens:
    raise RuntimeError("too dark")
