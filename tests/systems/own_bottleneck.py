"""A bottleneck of a user's own, and one whose process is killed in the midst of a training."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import torch

from bench.quantizers.trained.base import Bottleneck, Coded
from bench.quantizers.trained.vector import TrainedVQ


class Signs(Bottleneck):
    """The signs of the first dimensions of a latent, straight through."""

    weights: torch.Tensor

    def __init__(self, width: int, bits: int = 4) -> None:
        super().__init__(width)
        self.bits, self.sizes = bits, (2**bits,)
        self.register_buffer("weights", 2 ** torch.arange(bits), persistent=False)  # which follows it to a GPU

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        coded = self.decode(self.encode(latents))
        distance = (latents.detach() - coded).square().mean()
        codes = self.encode(latents)
        return Coded(latents + (coded - latents).detach(), codes, latents.new_zeros(()), distance)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (((latents[..., : self.bits] > 0) * self.weights).sum(-1),)

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        bits = codes[0][..., None] // self.weights % 2
        return torch.cat([bits * 2.0 - 1, bits.new_zeros(*bits.shape[:-1], self.width - self.bits)], -1)


class Killed(TrainedVQ):
    """Vector quantization that notes each step in a file, and whose process is killed once, at some step."""

    def __init__(self, width: int) -> None:
        super().__init__(width, bits=4, update="ema")
        # Not arguments, since what lies in a file that an argument names decides which cell it is.
        self.notes, self.last = Path(os.environ["STEPS_NOTED_IN"]), int(os.environ.get("KILLED_AT", "0"))

    def upkeep(self, generator: torch.Generator) -> None:
        with self.notes.open("a") as notes:
            notes.write(".")
        if len(self.notes.read_text()) == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        super().upkeep(generator)
