"""Multi-scale residual quantization: coarse maps first, each scale codes what the coarser ones leave."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

import torch
from torch.nn import functional as F

from bench.errors import BenchError
from bench.quantizers.base import MapQuantizer
from bench.quantizers.vector import VectorQuantizer

POINTS = 256
"""Training vectors for each codeword: what faiss's k-means draws, where there are more."""
ROUNDS = 12
DECAY = 0.8
"""Share of a codeword that a round leaves: without it the rounds swing, since a scale's residuals are of the codewords
of all scales before."""


class MultiScaleQuantizer(MapQuantizer):
    """The multi-scale quantizer of VAR (Tian et al. 2024, algorithms 1 and 2), one codebook for all scales.

    Scale by scale, what is left of the map is averaged over the areas of a coarse grid (``area``), each average
    replaced by the nearest codeword, these interpolated to the grid of the map (``bicubic``) and subtracted. The map
    is decoded to the sum of what was subtracted. The codebook is learned by k-means over the residuals of all scales,
    first those that exact averages leave, then by moving averages (van den Oord et al. 2017, appendix A.1) over those
    that the codebook itself leaves; the one that loses least of the training maps is kept. VAR learns it together with
    the map, and after the interpolation has a convolution, learned too; here is none.

    Args:
        bits: bits per code.
        scales: rising; a map of ``h`` rows has ``⌈h·scale/last scale⌉`` at a scale, of columns likewise, so the last
            scale is the map itself. None: the powers of two up to the first that covers the longest side of the
            training maps, so that the first scale is one code, as VAR's is.
    """

    def __init__(self, bits: int, scales: tuple[int, ...] = ()) -> None:
        check_scales(scales)
        self.book = VectorQuantizer(bits)
        self._set(scales)

    def _set(self, scales: tuple[int, ...]) -> None:
        self.scales = scales
        self.sizes = self.book.sizes * len(scales)
        self.spans = spans_of(scales)

    def fit(self, maps: list[torch.Tensor], seed: int) -> None:
        if not self.scales:
            longest = max(max(latents.shape[:2]) for latents in maps)
            self._set(tuple(2**power for power in range(math.ceil(math.log2(longest)) + 1)))
        batches = self._sampled(maps, seed)
        averages, _ = self._residuals(batches, lambda exact: exact)
        self.book.fit(averages, seed)
        best, least = self.book.codewords, math.inf
        for _ in range(ROUNDS):
            codes: list[torch.Tensor] = []
            averages, lost = self._residuals(batches, self._nearest(codes))
            if lost < least:
                best, least = self.book.codewords, lost
            means = self._means(averages, torch.cat(codes)[:, 0])
            self.book.use(DECAY * self.book.codewords + (1 - DECAY) * means)
        self.book.use(best)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        codes: list[torch.Tensor] = []
        self._walk(latents.cpu().permute(2, 0, 1)[None], self._nearest(codes))
        return tuple(code.view(grid) for code, grid in zip(codes, self.grids(*latents.shape[:2]), strict=True))

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        size = codes[-1].shape
        scales = [enlarged(self.book.decode(code.view(-1, 1)), code.shape, size) for code in codes]
        return torch.stack(scales).sum(0)[0].permute(1, 2, 0)

    def grids(self, height: int, width: int) -> list[tuple[int, int]]:
        """Rows and columns of each scale of a map of that size, coarse to fine."""
        return grids_of(self.spans, height, width)

    def _walk(
        self, rest: torch.Tensor, quantize: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """What each scale of maps ``[n, dim, height, width]`` is asked to quantize, and what the last one leaves.

        Args:
            quantize: vectors ``[n·positions, dim]`` of one scale to what stands for them.
        """
        asked = []
        for grid in self.grids(*rest.shape[2:]):
            asked.append(averaged(rest, grid))
            rest = rest - enlarged(quantize(asked[-1]), grid, rest.shape[2:])
        return asked, rest

    def _sampled(self, maps: list[torch.Tensor], seed: int) -> list[torch.Tensor]:
        """Maps ``[n, dim, height, width]``, together by size; of many, as many as k-means has use for."""
        order = torch.randperm(len(maps), generator=torch.Generator().manual_seed(seed)).tolist()
        wanted, groups = POINTS * self.book.sizes[0], defaultdict[tuple[int, ...], list[torch.Tensor]](list)
        for index in order:
            if wanted <= 0:
                break
            size = tuple(maps[index].shape[:2])
            groups[size].append(maps[index].permute(2, 0, 1))
            wanted -= sum(map(math.prod, self.grids(*size)))
        return [torch.stack(group) for group in groups.values()]

    def _residuals(
        self, batches: list[torch.Tensor], quantize: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, float]:
        """What all scales of all maps are asked to quantize ``[n, dim]``, and the squared error that is left."""
        walks = [self._walk(batch, quantize) for batch in batches]
        averages = torch.cat([average for asked, _ in walks for average in asked])
        return averages, sum(float(rest.double().square().sum()) for _, rest in walks)

    def _nearest(self, codes: list[torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
        """Vectors to their nearest codewords; the codes of these are noted."""

        def nearest(vectors: torch.Tensor) -> torch.Tensor:
            codes.append(self.book.encode(vectors))
            return self.book.decode(codes[-1])

        return nearest

    def _means(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Mean of the vectors that have each code; its codeword where there are none."""
        counts = torch.bincount(codes, minlength=self.book.sizes[0])[:, None]
        sums = torch.zeros(len(counts), vectors.shape[1], dtype=torch.float64).index_add_(0, codes, vectors.double())
        return torch.where(counts > 0, (sums / counts.clamp(min=1)).float(), self.book.codewords)


def check_scales(scales: Sequence[int]) -> None:
    """Raise BenchError unless scales are positive and rise."""
    if any(scale < 1 for scale in scales) or any(a >= b for a, b in pairwise(scales)):
        raise BenchError(f"scales {'-'.join(map(str, scales))}: they must be positive and rise, as 1-2-4-8")


def spans_of(scales: Sequence[int]) -> tuple[Fraction, ...]:
    """Places of the map, along each axis, that a code of each scale stands for; 1 for the last."""
    return tuple(Fraction(scales[-1], scale) for scale in scales)


def grids_of(spans: Sequence[Fraction], height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of the codes of each span for a map of that size."""
    return [(math.ceil(height / span), math.ceil(width / span)) for span in spans]


def averaged(maps: torch.Tensor, grid: Sequence[int]) -> torch.Tensor:
    """Means over the areas of a coarser grid, ``[n·positions, dim]``, of maps ``[n, dim, height, width]``."""
    means: torch.Tensor = F.interpolate(maps, tuple(grid), mode="area").permute(0, 2, 3, 1).flatten(0, 2)
    return means.contiguous()


def enlarged(vectors: torch.Tensor, grid: Sequence[int], size: Sequence[int]) -> torch.Tensor:
    """Vectors ``[n·positions, dim]`` of one grid, interpolated to a larger one, ``[n, dim, *size]``."""
    interpolated: torch.Tensor = F.interpolate(
        vectors.view(-1, *grid, vectors.shape[1]).permute(0, 3, 1, 2), tuple(size), mode="bicubic"
    )
    return interpolated
