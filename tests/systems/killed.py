"""A tokenizer whose process is killed at a random moment, the first few times that it is built."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path

import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.tokenizers.base import Tokenizer

CALLS = (18, 40)
"""Fewest and most calls of ``encode`` before that moment; a batch is encoded up to seven times."""
LATER = 0.3
"""Most seconds from that call to the moment."""


class Killed(Tokenizer):
    """Mean luminance of squares of 8 pixels in 16 levels.

    Args:
        name: name without its ending of the file with a line for each time that it was built; a file that an argument
            names would be part of what the system is.
        kills: how often its process is killed.
    """

    codebooks = (Codebook(16, "grid"),)

    def __init__(self, name: str, kills: int) -> None:
        note = Path(f"{name}.txt")
        with note.open("a") as stream:
            stream.write("built\n")
        self.calls = random.SystemRandom().randint(*CALLS) if len(note.read_text().splitlines()) <= kills else 0

    def encode(self, batch: torch.Tensor) -> Tokens:
        self.calls -= 1
        if self.calls == 0:
            moment = random.SystemRandom().uniform(0, LATER)
            threading.Timer(moment, os.kill, (os.getpid(), signal.SIGKILL)).start()
        levels = torch.nn.functional.avg_pool2d(batch.mean(1), 8)
        return Tokens(codes=((levels * 15).round().long(),))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        levels = tokens.codes[0].float() / 15
        return levels.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None].expand(-1, 3, -1, -1)
