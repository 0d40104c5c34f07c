"""Residual quantization with implicit neural codebooks."""

from __future__ import annotations

import copy
import math

import torch

from bench.quantizers.implicit import ImplicitCodebooks
from bench.quantizers.residual import ResidualQuantizer

BLOCKS, WIDTH = 1, 128
"""Residual blocks of each network, and hidden units of a block."""
EPOCHS, MOST_STEPS, BATCH = 10, 4_000, 256
"""Passes over the vectors, steps of training that they may take at most, and vectors of a step."""
RATE, WARM_UP = 5e-3, 0.1
"""Highest learning rate, and the share of the steps in which it rises to it."""
CANDIDATES = 16
"""Codewords of a level that are tried with each sum where not all are: in training, and by ``qinco2``."""
JUDGED = 4_096
"""Vectors by which the trained networks are compared with the codebooks that they started from."""
AT_ONCE = 256
"""Vectors that are searched together: sixteen paths with sixteen candidates each take 256 sums per vector."""


class ImplicitQuantizer(ResidualQuantizer):
    """QINCo (Huijben et al. 2024; survey §2.2.3), trained small: a network makes each level's codewords.

    The first level is that of ``rvq``. Of each other level, the codebook of ``rvq`` becomes the base codebook of a
    network, which starts by adding nothing to it: training starts from ``rvq``. All levels are trained together with
    AdamW, on the sum of the mean squared errors after each of them, from codes that the networks of that step choose,
    among all codes or among the sixteen preselected ones as in QINCo2. Coding tries all of them, level by level. If
    the vectors learned from are not coded better in the end, the codebooks of ``rvq`` stay. So small and so briefly
    trained, it codes the photographs of ``image-recon`` at twelve bits no better than ``rvq``.
    """

    most_bits = 8
    """Most bits of a level: the network is evaluated for each codeword and vector."""
    paths = 1
    """Sums that the search keeps from one level to the next."""
    candidates: int | None = None
    """Codewords that are tried with each sum, chosen by fixed ones; None for all."""

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        super().fit(vectors, seed)
        deviation = float(vectors.std())
        # A power of two, by which dividing is exact.
        self.scale = 2.0 ** round(math.log2(deviation)) if deviation > 0 else 1.0
        start = ImplicitCodebooks([book / self.scale for book in self.codewords], BLOCKS, WIDTH, seed)
        self.networks = start
        generator = torch.Generator().manual_seed(seed)
        judged = vectors[torch.randperm(len(vectors), generator=generator)[:JUDGED]]
        least = self._lost(judged)
        self.networks = self._trained(copy.deepcopy(start), vectors / self.scale, generator)
        if not self._lost(judged) < least:
            self.networks = start

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        return self._searched(vectors, self.paths, self.candidates)

    @torch.no_grad()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        *_, decoded = self.networks.sums(codes)
        return decoded * self.scale

    def _searched(self, vectors: torch.Tensor, paths: int = 1, candidates: int | None = None) -> torch.Tensor:
        parts = (vectors.cpu() / self.scale).split(AT_ONCE)
        return torch.cat([self.networks.search(part, paths, candidates) for part in parts])

    def _lost(self, vectors: torch.Tensor) -> float:
        """Squared error of vectors ``[n, dim]`` along one path, by which all families keep the same networks."""
        return float((self.decode(self._searched(vectors)) - vectors).double().square().sum())

    def _trained(
        self, networks: ImplicitCodebooks, vectors: torch.Tensor, generator: torch.Generator
    ) -> ImplicitCodebooks:
        batches = math.ceil(len(vectors) / BATCH)
        steps = min(EPOCHS * batches, MOST_STEPS)
        optimizer = torch.optim.AdamW(networks.parameters(), lr=RATE)
        for step in range(steps):
            if step % batches == 0:
                drawn = torch.randperm(len(vectors), generator=generator).split(BATCH)
            batch = vectors[drawn[step % batches]]
            for group in optimizer.param_groups:
                group["lr"] = RATE * share(step, steps)
            loss = networks.lost(batch, networks.search(batch, candidates=CANDIDATES))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return networks.requires_grad_(False)


def share(step: int, steps: int) -> float:
    """Share of the highest learning rate in a step, counted from 0: a linear rise, then half a cosine down to zero."""
    rise = WARM_UP * steps
    if step < rise:
        return (step + 1) / math.ceil(rise)
    return (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2
