"""Two tokenizers of motions, one of codes and one of latents."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from scipy.fft import dct, idct

from bench.contracts.tokens import Codebook, Tokens
from bench.tokenizers.base import Tokenizer

JOINTS = 2


class Grid(Tokenizer):
    """A code for each step: its joints rounded to ``levels`` each."""

    modality: ClassVar[str] = "motion"

    def __init__(self, levels: int = 8) -> None:
        self.levels = levels
        self.codebooks = (Codebook(levels**JOINTS, "step"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        digits = torch.round((batch.clamp(-1, 1) + 1) / 2 * (self.levels - 1)).long()
        return Tokens(codes=(digits[:, 0] * self.levels + digits[:, 1],), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        (codes,) = tokens.codes
        digits = torch.stack([codes // self.levels, codes % self.levels], dim=1)
        return digits.float() / (self.levels - 1) * 2 - 1


class Cosines(Tokenizer):
    """Latents: the first ``kept`` coefficients of each joint."""

    modality: ClassVar[str] = "motion"

    def __init__(self, kept: int = 8) -> None:
        self.kept = kept

    def encode(self, batch: torch.Tensor) -> Tokens:
        coefficients = dct(batch.cpu().numpy(), norm="ortho")[..., : self.kept]
        latents = torch.from_numpy(np.ascontiguousarray(coefficients.swapaxes(1, 2)))
        return Tokens(latents=latents, signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        steps = tokens.signal_shape[1]
        return torch.from_numpy(idct(tokens.latents.cpu().numpy().swapaxes(1, 2), n=steps, norm="ortho"))
