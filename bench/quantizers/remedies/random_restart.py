"""Unused codewords put on latents of the batch."""

from __future__ import annotations

import torch

from bench.errors import BenchError
from bench.quantizers.remedies.base import Remedy, counted

DECAY = 0.99
"""Share of the running uses that a step keeps (Jukebox, EnCodec)."""


class RandomRestart(Remedy):
    """Codewords whose running use is low begin again at random latents of the batch.

    These are the random restarts of Jukebox (Dhariwal et al. 2020, arXiv 2005.00341), which EnCodec (Défossez et al.
    2022, arXiv 2210.13438) has as well; ``threshold_ema_dead_code`` of vector-quantize-pytorch. Their thresholds of 1
    and 2 vectors per step depend on the size of the batch, so here it is a share of the uses that each codeword has if
    all are used alike. A codeword begins with as many uses as the threshold, at first and again.

    Args:
        size: number of codewords.
        dim: dimensions of the vectors.
        threshold: running uses, relative to even use, below which a codeword begins again.
    """

    uses: torch.Tensor

    def __init__(self, size: int, dim: int, threshold: float = 0.1) -> None:
        super().__init__(size, dim)
        if not 0 < threshold < 1:
            raise BenchError(f"threshold={threshold}: write a number between 0 and 1, the share of even use")
        self.threshold = threshold
        self.register_buffer("uses", torch.full((size,), float(threshold)))

    def upkeep(
        self, weight: torch.Tensor, vectors: torch.Tensor, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor | None:
        self.uses.lerp_(counted(codes, self.size) * (self.size / len(codes)), 1 - DECAY)
        unused = (self.uses < self.threshold).nonzero()[:, 0]
        if not len(unused):
            return None
        drawn = torch.randperm(len(vectors), generator=generator)[: len(unused)].to(codes)
        if len(drawn) < len(unused):  # no two begin at one latent; the others do so in later steps
            unused = unused[torch.randperm(len(unused), generator=generator)[: len(drawn)].to(codes)]
        weight[unused] = vectors[drawn].to(weight)
        self.uses[unused] = self.threshold
        return unused
