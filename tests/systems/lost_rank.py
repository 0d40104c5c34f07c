"""A tokenizer of which the third rank is lost while the others wait for it."""

from __future__ import annotations

import os
import signal

import torch
import torch.distributed as dist

from bench.contracts.tokens import Tokens
from bench.modalities.signal import SystemFailure
from bench.tokenizers.base import Tokenizer


class LostRank(Tokenizer):
    """Continuous tokens that are the image.

    Args:
        how: ``killed`` or ``raises``.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def encode(self, batch: torch.Tensor) -> Tokens:
        if dist.get_rank() == 2 and self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if dist.get_rank() == 2:
            raise SystemFailure("the third rank raises")
        return Tokens(latents=batch)

    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        return tokens.latents
