"""Tokenizers that note when they encode first and decode last, in the file that ``BENCH_NOTED`` names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from bench.contracts.tokens import Tokens
from bench.modalities.image.tokenizers.diffusers_autoencoders import AutoencoderKL, AutoencoderTiny

NOTED = "BENCH_NOTED"


class _Noted:
    """A tokenizer's mixin: the file gets the times of the first encoding and the last decoding, in seconds."""

    began = 0.0

    def encode(self, batch: torch.Tensor) -> Tokens:
        self.began = self.began or time.time()
        tokens: Tokens = super().encode(batch)  # type: ignore[misc]
        return tokens

    def decode(self, tokens: Tokens) -> torch.Tensor:
        images: torch.Tensor = super().decode(tokens)  # type: ignore[misc]
        Path(os.environ[NOTED]).write_text(f"{self.began} {time.time()}")
        return images


class Tiny(_Noted, AutoencoderTiny):
    """AutoencoderTiny, noted."""


class KL(_Noted, AutoencoderKL):
    """AutoencoderKL, noted."""
