"""Tokenizers of the default suite, each with a small deliberate damage that the gate has to catch."""

from __future__ import annotations

import math

import faiss
import torch

from bench.contracts.tokens import Tokens
from bench.modalities.image.tokenizers.klt import KLT
from bench.quantizers.fsq import EPSILON, FiniteScalarQuantizer, levels_of


class Undamaged(KLT):
    """The same tokenizer under another name."""


class DroppedCode(KLT):
    """One code of the codebook is never used: the one that stands for most patches of the fit split."""

    def fit(self, dataset: object, seed: int) -> None:
        super().fit(dataset, seed)  # type: ignore[arg-type]
        assert self.quantizer is not None
        patches = torch.cat([self._patches(s.signal.float() / 255, self.patch) for s in dataset])  # type: ignore[attr-defined]
        codes = self.quantizer.encode((patches - self.mean) @ self.basis)[:, 0]  # type: ignore[call-overload]
        centroids = self.quantizer.codewords.numpy().copy()  # type: ignore[union-attr]
        centroids[int(torch.bincount(codes).argmax())] = 1e6
        self.quantizer.index = faiss.IndexFlatL2(centroids.shape[1])  # type: ignore[union-attr]
        self.quantizer.index.add(centroids)  # type: ignore[union-attr]


class RoundsDown(KLT):
    """The decoder rounds to 256 values, which is allowed, but down instead of to the nearest."""

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return torch.floor(super().decode(tokens) * 255) / 255


class _OneDigitDown(FiniteScalarQuantizer):
    def digits(self, coded: torch.Tensor) -> torch.Tensor:
        digits = super().digits(coded)
        if not hasattr(self, "means"):  # while it is fitted it rounds as it should
            return digits
        level = self.levels[-1]
        half = (level - 1) * (1 - EPSILON) / 2
        shift = math.atanh(0.5 / half)
        bounded = torch.tanh(coded[:, -1] / self.scale[-1] + shift) * half - 0.5
        digits[:, -1] = torch.floor(bounded).long() + level // 2
        return digits.clamp(min=0)


class RoundsOtherwise(KLT):
    """One of the four rounding steps of FSQ rounds down instead of to the nearest."""

    def __init__(self) -> None:
        super().__init__("fsq")
        self.quantizer = _OneDigitDown(levels_of(12))
