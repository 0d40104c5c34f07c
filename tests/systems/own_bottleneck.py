"""A bottleneck of a user's own, and one whose process is killed in the midst of its first trainings."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import torch

from bench.quantizers.trained.base import Bottleneck, Coded
from bench.quantizers.trained.vector import TrainedVQ


class Signs(Bottleneck):
    """The signs of the first dimensions of a latent, straight through."""

    def __init__(self, width: int, bits: int = 4) -> None:
        super().__init__(width)
        self.bits, self.sizes = bits, (2**bits,)
        self.weights = 2 ** torch.arange(bits)

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
    """Vector quantization whose process is killed at some steps, each once."""

    def __init__(self, width: int, marks: str, kills: int) -> None:
        super().__init__(width, bits=4, estimator="straight-through", update="ema")
        self.marks, self.kills, self.steps = Path(marks), kills, 0

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        self.steps += 1
        done = len(list(self.marks.iterdir()))
        if done < self.kills and self.steps == 4 + done:
            (self.marks / str(done)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(latents, generator)
