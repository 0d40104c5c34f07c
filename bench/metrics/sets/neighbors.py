"""Squared distances between features in tiles, and nearest neighbors, for the manifold metrics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import torch

from bench.machine.precision import exact_float32
from bench.metrics.sets.engine import Engine
from bench.metrics.sets.gaussians import mean_of

Rounding = Literal["exact", "float16"]
TILE = (1024, 4096)
ELEMENT = 32
"""Bytes of an element of a tile: product, distance, comparisons, and what chooses the nearest."""
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
        engine: where they are computed.
    """

    def __init__(self, x: torch.Tensor, y: torch.Tensor, rounding: Rounding, engine: Engine) -> None:
        self.rounding, self.engine, self.device = rounding, engine, engine.device
        self.dtype = torch.float64 if max(len(x), len(y)) <= FLOAT64_PRODUCTS else torch.float32
        self.center = mean_of(y, engine)

    def tiles(self, rows: int, columns: int) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
        """First and last row, exclusively, of each strip of tiles, and the columns of its tiles likewise."""
        height, width = self.engine.tile_shape(TILE, columns, ELEMENT)
        for top, bottom in spans(0, rows, height):
            yield top, bottom, list(spans(0, columns, width))

    def tile(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Squared distances ``[a, b]`` between rows ``[a, d]`` and ``[b, d]``, float32."""
        if self.rounding == "float16":
            coarse = self._in_float16(left, right)
            if bool(torch.isfinite(coarse).all()):
                return coarse
        a, b = ((self.engine.wide(rows) - self.center).to(self.dtype) for rows in (left, right))
        with exact_float32(self.device):
            products = a @ b.T
        squares = a.square().sum(1)[:, None] + b.square().sum(1)
        return torch.sub(squares, products, alpha=2, out=products).clamp_(min=0).float()

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


def inside(bounds: list[int], start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """The blocks that have a part in a range: number, and where in the range the part begins and ends."""
    for block, (first, last) in enumerate(pairwise(bounds)):
        begin, end = max(first, start), min(last, stop)
        if begin < end:
            yield block, begin - start, end - start


def nearest(rows: torch.Tensor, k: int, bounds: list[int], distances: Distances) -> torch.Tensor:
    """Squared distances of each row to its k nearest others in each block, ``[n, blocks, k]``, where they are computed.

    Args:
        rows: ``[n, d]``, sorted by block.
        bounds: where each block begins, and where the last ends. A block of fewer others is filled up with infinity.
    """
    best = torch.full((len(rows), len(bounds) - 1, k), torch.inf, device=distances.device)
    for top, bottom, columns in distances.tiles(len(rows), len(rows)):
        for begin, end in columns:
            tile = distances.tile(rows[top:bottom], rows[begin:end])
            tile.diagonal(top - begin).fill_(torch.inf)  # a row is not its own neighbor
            for block, first, last in inside(bounds, begin, end):
                few = tile[:, first:last].topk(min(k, last - first), largest=False).values
                best[top:bottom, block] = torch.cat([best[top:bottom, block], few], 1).topk(k, largest=False).values
    return best


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
