"""Multi-scale residual quantization, trained: coarse grids first, each codes what the coarser ones left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bench.errors import whole_number
from bench.quantizers.base import LEARNED_BITS, hyphenated
from bench.quantizers.multiscale import averaged, check_scales, enlarged, grids_of, spans_of
from bench.quantizers.trained.base import Coded
from bench.quantizers.trained.codebook import Codebook, Looked
from bench.quantizers.trained.learned import BITS, LearnedBottleneck, coded


class TrainedMultiscale(LearnedBottleneck):
    """The multi-scale quantizer of VAR (Tian et al. 2024, arXiv 2404.02905), with one codebook for all scales.

    Scale by scale, what is left of the latents is averaged over the areas of a coarse grid, each average replaced by
    a codeword, and these are interpolated to the grid of the latents and subtracted, as in
    ``bench.quantizers.multiscale``. Gradients of the scales add up to that of one quantizer, and losses are those of
    each average, which reach the encoder as in ``TrainedGroupedRVQ``. VAR's loss is the distance of the sums from the
    latents instead, and its interpolation ends in a learned convolution; here is none.

    Args:
        width: dimensions of a latent.
        bits: bits of a code.
        scales: rising, with a hyphen between them; a grid of ``n`` places along an axis has ``⌈n·scale/last scale⌉``
            codes along it, so the last scale is that of the latents.
        recipe: how the codebook is trained; see ``LearnedBottleneck``.
    """

    def __init__(self, width: int, bits: int = BITS, scales: str | int = "1-2-4-8", **recipe: Any) -> None:
        super().__init__(width, **recipe)
        numbers = hyphenated("scales", scales, "1-2-4-8")
        check_scales(numbers)
        self.add(2 ** whole_number("bits of a code", bits, 1, LEARNED_BITS), width)
        self.sizes *= len(numbers)
        self.spans = spans_of(numbers)

    @property
    def _book(self) -> Codebook:
        book = self.books[0]
        assert isinstance(book, Codebook)
        return book

    def start(self, latents: torch.Tensor, generator: torch.Generator) -> None:
        rest, means = _maps(latents), []
        for grid in self._grids(rest):
            means.append(averaged(rest, grid))
            rest = rest - enlarged(means[-1], grid, rest.shape[2:])
        self._book.start(torch.cat(means), generator)

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        rest = committing = maps = _maps(latents)
        looked: list[Looked] = []
        for scale, grid in enumerate(self._grids(maps)):
            level = self._book(averaged(rest, grid), generator, averaged(committing, grid) if scale else None)
            output = enlarged(level.vectors, grid, maps.shape[2:])
            rest, committing = rest - output, committing - output.detach()
            looked.append(level)
        codes = self._shaped([level.codes for level in looked], latents)
        return coded(_latents(maps - rest, latents.ndim), codes, looked)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rest, codes = _maps(latents), []
        for grid in self._grids(rest):
            codes.append(self._book.encode(averaged(rest, grid)))
            rest = rest - enlarged(self._book.decode(codes[-1]), grid, rest.shape[2:])
        return self._shaped(codes, latents)

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        size = _two_axes(codes[-1].shape[1:])
        maps = [enlarged(self._book.decode(code.flatten()), _two_axes(code.shape[1:]), size) for code in codes]
        return _latents(torch.stack(maps).sum(0), codes[-1].ndim + 1)

    def _grids(self, maps: torch.Tensor) -> list[tuple[int, int]]:
        return grids_of(self.spans, *maps.shape[2:])

    def _shaped(self, codes: Sequence[torch.Tensor], latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes of each scale as ``[batch, *grid of the scale]``, with as many axes as the latents' grid."""
        grids = self._grids(_maps(latents))
        return tuple(
            code.view(len(latents), *grid[-(latents.ndim - 2) :]) for code, grid in zip(codes, grids, strict=True)
        )


def _two_axes(grid: Sequence[int]) -> tuple[int, int]:
    """A grid of one axis as a row of a grid of two; one of two axes as it is."""
    return (1, grid[0]) if len(grid) == 1 else (grid[0], grid[1])


def _maps(latents: torch.Tensor) -> torch.Tensor:
    """Latents ``[batch, *grid, width]`` as maps ``[batch, width, height, width of the map]``."""
    return latents.view(len(latents), *_two_axes(latents.shape[1:-1]), latents.shape[-1]).permute(0, 3, 1, 2)


def _latents(maps: torch.Tensor, ndim: int) -> torch.Tensor:
    """Maps as latents of so many axes."""
    latents = maps.permute(0, 2, 3, 1)
    return latents if ndim == 4 else latents[:, 0]
