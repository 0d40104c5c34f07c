"""Squared distances between features in tiles, and nearest neighbors, for the manifold metrics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import torch

from bench.machine.precision import exact_float32
from bench.metrics.sets.gaussians import mean_of

Rounding = Literal["exact", "float16"]
TILE = (1024, 4096)
FLOAT64_PRODUCTS = 10_000
"""Beyond so many rows on a side the inner products are float32, of features centered on the references' mean."""


class Distances:
    """Squared Euclidean distances, float32.

    Distances that are equal must come out equal, whichever tile they are in, because balls are compared with
    their own radii: they are computed in float64 and rounded at the end.

    Args:
        x, y: the two sets, ``[n, d]`` and ``[m, d]``; distances within either or between them may be asked for.
        rounding: ``float16`` rounds features, norms, products and distances as guided-diffusion's evaluator
            does, unless a distance overflows.
        device: where the products are computed.
    """

    def __init__(self, x: torch.Tensor, y: torch.Tensor, rounding: Rounding, device: torch.device) -> None:
        self.rounding, self.device = rounding, device
        self.dtype = torch.float64 if max(len(x), len(y)) <= FLOAT64_PRODUCTS else torch.float32
        self.center = mean_of(y)

    def tile(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Squared distances ``[a, b]`` between rows ``[a, d]`` and ``[b, d]``, float32."""
        if self.rounding == "float16":
            coarse = self._in_float16(left, right)
            if bool(torch.isfinite(coarse).all()):
                return coarse
        a, b = ((rows.double() - self.center).to(self.device, self.dtype) for rows in (left, right))
        with exact_float32(self.device):
            products = a @ b.T
        squares = a.square().sum(1)[:, None] + b.square().sum(1)
        return (squares - 2 * products).clamp_(min=0).float()

    def _in_float16(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        a, b = (rows.to(self.device).half() for rows in (left, right))
        with exact_float32(self.device):
            products = (a.float() @ b.float().T).half()
        norms = [rows.square().float().sum(1).half() for rows in (a, b)]
        return (norms[0][:, None] - 2 * products + norms[1]).clamp_(min=0).float()


def spans(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Start and stop of the pieces of a range, each at most ``size`` long."""
    for begin in range(start, stop, size):
        yield begin, min(begin + size, stop)


def nearest(rows: torch.Tensor, k: int, bounds: list[int], distances: Distances) -> torch.Tensor:
    """Squared distances of each row to its k nearest others in each block, ``[n, blocks, k]``.

    Args:
        rows: ``[n, d]``, sorted by block.
        bounds: where each block begins, and where the last ends. A block of fewer others is filled up with infinity.
    """
    nearest_squares = torch.full((len(rows), len(bounds) - 1, k), torch.inf)
    for top, bottom in spans(0, len(rows), TILE[0]):
        left = rows[top:bottom]
        for block, (start, stop) in enumerate(pairwise(bounds)):
            best = torch.full((bottom - top, k), torch.inf, device=distances.device)
            for begin, end in spans(start, stop, TILE[1]):
                tile = distances.tile(left, rows[begin:end])
                itself = torch.arange(max(top, begin), max(top, begin, min(bottom, end)), device=tile.device)
                tile[itself - top, itself - begin] = torch.inf  # a row is not its own neighbor
                best = torch.cat([best, tile], 1).topk(k, largest=False).values
            nearest_squares[top:bottom, block] = best.cpu()
    return nearest_squares


def radii(squares: torch.Tensor, k: int) -> torch.Tensor:
    """Squared distance of each row to its k-th nearest other, ``[n]``, from what ``nearest`` gives for its blocks."""
    return squares.flatten(1).topk(k, largest=False).values[:, -1]


def radii_without(squares: torch.Tensor, bounds: list[int], k: int) -> torch.Tensor:
    """The radii when each block is left out, ``[n, blocks]``; -1 for the rows of that block, which have no balls."""
    columns = []
    for block, (start, stop) in enumerate(pairwise(bounds)):
        rest = radii(torch.cat([squares[:, :block], squares[:, block + 1 :]], 1), k)
        rest[start:stop] = -1
        columns.append(rest)
    return torch.stack(columns, 1)
