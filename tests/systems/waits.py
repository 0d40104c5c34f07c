"""A tokenizer that takes as long as a test wants."""

import os
import signal
import time
from multiprocessing import parent_process
from pathlib import Path

import torch
from broken import Mean

from bench.contracts.tokens import Tokens


class Held(Mean):
    """Encodes nothing before a file exists."""

    def __init__(self, until: str) -> None:
        self.until = Path(until)

    def encode(self, batch: torch.Tensor) -> Tokens:
        while not self.until.exists():
            time.sleep(0.05)
        return super().encode(batch)


class Meets(Mean):
    """Encodes only while another one of it is encoding in another process."""

    def __init__(self, mine: str, other: str) -> None:
        self.mine, self.other = Path(mine), Path(other)

    def encode(self, batch: torch.Tensor) -> Tokens:
        self.mine.touch()
        while not self.other.exists():
            time.sleep(0.05)
        return super().encode(batch)


class EndsItsServer(Mean):
    """Kills the process that asked for this one, as the system does with one that uses too much memory."""

    def encode(self, batch: torch.Tensor) -> Tokens:
        server = parent_process()
        assert server is not None and server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        time.sleep(60)
        return super().encode(batch)
