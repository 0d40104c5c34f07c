"""Composite quantization: a sum of codewords whose inner products with each other are constant, or nearly so."""

from __future__ import annotations

from typing import Self

import torch

from bench.quantizers.base import Quantizer, bits_a_level, check_enough
from bench.quantizers.product import check_parts
from bench.quantizers.rotated import OptimizedProductQuantizer
from bench.quantizers.vector import VectorQuantizer, drawn

ROUNDS = 10
STARTS = 8
SWEEPS = 10
WEIGHT = 30.0
"""Weight of the penalty where the mean squared length of a vector is one: on the patches of photographs the inner
products then deviate by half a percent of it, and by a quarter without any penalty."""
CHUNK = 2**22
"""Numbers that the search works on at a time."""


class CompositeQuantizer(Quantizer):
    """CQ (Zhang et al. 2014; survey §2.3.4, eq. 15), by the paper's penalty method.

    A vector is coded as a sum of one codeword of each level. Were the inner products of the codewords of different
    levels the same ξ for every vector, the distance to the sum would be the sum of the distances to the codewords but
    for a constant, which is what makes search fast. The objective is the squared error of the sum plus a weight
    times the squared deviation of the inner products from their mean.

    Learning starts from the codebooks of ``opq``, which keep the constraint with ξ = 0, and alternates between ξ, the
    codebooks, each of them exactly given the others (the paper takes L-BFGS for all of them), and the codes. No step
    raises the objective, so that no fit loses more of its vectors than ``opq`` does.

    A code is found by iterated conditional modes: level by level the codeword that is best given those of the other
    levels, until none changes. The search is started eight times, at the nearest codewords of the first level, with
    those of the other levels that would be best if the constraint held exactly. With two levels of which the
    first has no more than eight codewords, every pair is tried.
    """

    losses: list[float]
    """Mean objective of the vectors learned from, at the beginning of each round."""
    most_bits = 8
    """Most bits of a level: in each of its starts the search weighs every codeword of a level several times."""

    def __init__(self, bits: int, levels: int) -> None:
        self.bits, self.parts = bits, levels
        self.sizes = (2 ** bits_a_level(bits, levels, self.most_bits),) * levels

    @classmethod
    def at(cls, bits: int, levels: int) -> Self:
        return cls(bits, levels)

    def check(self, dim: int) -> None:
        check_parts(dim, self.parts)

    def fit(self, vectors: torch.Tensor, seed: int) -> None:
        check_enough(vectors, self.sizes[0])
        start = OptimizedProductQuantizer(self.bits, self.parts)
        start.fit(vectors, seed)
        sample = drawn(vectors, self.sizes[0], seed).double()
        books = [part.codewords for part in start.quantizers if isinstance(part, VectorQuantizer)]
        padded: torch.Tensor = torch.block_diag(*books).double() @ start.rotation.T.double()
        self.codewords: list[torch.Tensor] = list(padded.split(self.sizes))
        self.weight = WEIGHT / max(float(sample.square().sum(1).mean()), 1e-12)
        codes = start.encode(sample.float())
        self.losses = []
        for _ in range(ROUNDS):
            self.constant = float(self.products(codes).mean())
            self.losses.append(float(self.objective(sample, codes).mean()))
            for level in range(self.parts):
                self.codewords[level] = self._updated(level, sample, codes)
            before, codes = codes, self._descended(sample, codes)
            if torch.equal(codes, before):
                break

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        wide, size = vectors.cpu().double(), max(1, CHUNK // (STARTS * self.sizes[0]))
        return torch.cat([self._searched(part) for part in wide.split(size)])

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return self._chosen(codes).sum(0).float()

    def products(self, codes: torch.Tensor) -> torch.Tensor:
        """Sum ``[n]`` of the inner products of all ordered pairs of different codewords of codes ``[n, levels]``."""
        return _products(self._chosen(codes))

    def objective(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Squared error plus the weighted penalty ``[n]`` of vectors ``[n, dim]`` under codes ``[n, levels]``."""
        chosen = self._chosen(codes)
        error = (vectors.double() - chosen.sum(0)).square().sum(1)
        return error + self.weight * (_products(chosen) - self.constant).square()

    def _chosen(self, codes: torch.Tensor) -> torch.Tensor:
        """The codewords ``[levels, n, dim]`` of codes ``[n, levels]``."""
        return torch.stack([book[codes[:, level]] for level, book in enumerate(self.codewords)])

    def _searched(self, vectors: torch.Tensor) -> torch.Tensor:
        """The best codes ``[n, levels]`` that the search finds from all of its starts."""
        alone = [book.square().sum(1) - 2 * vectors @ book.T for book in self.codewords]
        count = min(STARTS, self.sizes[0])
        nearest = torch.stack([distances.argmin(1) for distances in alone], 1)
        starts = nearest[:, None].repeat(1, count, 1)
        starts[:, :, 0] = alone[0].topk(count, dim=1, largest=False).indices
        codes = self._descended(vectors, starts.flatten(0, 1))
        best = self.objective(vectors.repeat_interleave(count, 0), codes).view(-1, count).argmin(1)
        return codes.view(-1, count, self.parts)[torch.arange(len(vectors)), best]

    def _descended(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Codes of which, in the end, none can be improved alone; from codes ``[n·starts, levels]`` of ``[n, dim]``.

        The first level comes last in a sweep, so that a start keeps its codeword while the others answer it.
        """
        codes, rows = codes.clone(), torch.arange(len(codes))
        linear = [(book.square().sum(1) - 2 * vectors @ book.T).float() for book in self.codewords]
        repeats = len(codes) // len(vectors)
        for _ in range(SWEEPS):
            moving = codes[rows]
            for level in [*range(1, self.parts), 0]:
                others = self._chosen(moving)[torch.arange(self.parts) != level]
                doubled = self._with_others(level, moving).mul_(2)
                deviation = doubled + (_products(others) - self.constant).float()[:, None]
                cost = doubled.add_(linear[level][rows // repeats]).add_(deviation.square_().mul_(self.weight))
                moving[:, level] = cost.argmin(1)
            changed = (moving != codes[rows]).any(1)
            codes[rows] = moving
            rows = rows[changed]
            if not len(rows):
                break
        return codes

    def _with_others(self, level: int, codes: torch.Tensor) -> torch.Tensor:
        """Sum ``[n, size]`` of the inner products of each codeword of a level with those of the other levels' codes."""
        total = torch.zeros(len(codes), self.sizes[level])
        for other, book in enumerate(self.codewords):
            if other != level:
                total += (book @ self.codewords[level].T).float()[codes[:, other]]
        return total

    def _updated(self, level: int, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """The codewords ``[size, dim]`` of a level that minimize the objective given all else; unused ones stay."""
        others = self._chosen(codes)[torch.arange(self.parts) != level]
        rest, excess = others.sum(0), _products(others) - self.constant
        book, identity = self.codewords[level].clone(), torch.eye(vectors.shape[1], dtype=torch.float64)
        for code in codes[:, level].unique():
            rows = codes[:, level] == code
            near = rest[rows]
            curve = len(near) * identity + 4 * self.weight * near.T @ near
            pull = (vectors[rows] - near).sum(0) - 2 * self.weight * excess[rows] @ near
            book[code] = torch.linalg.solve(curve, pull)
        return book


def _products(chosen: torch.Tensor) -> torch.Tensor:
    """Sum ``[n]`` of the inner products of all ordered pairs of different levels' codewords ``[levels, n, dim]``."""
    return chosen.sum(0).square().sum(1) - chosen.square().sum((0, 2))
