"""Training-free image tokenizers: the KLT of patches, then a quantizer of the surveys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from bench.errors import BenchError
from bench.quantizers.base import build
from bench.tokenizers.base import Tokenizer
from bench.tokens import Codebook, Tokens

if TYPE_CHECKING:
    from bench.datasets.base import Dataset


class KLT(Tokenizer):
    """Karhunen-Loève transform (PCA) of non-overlapping patches, with or without a quantizer.

    One token stands for one patch. The transform and the codebooks are learned from a split disjoint
    from the evaluated one, within seconds, so that the quantizer families compare at equal bits with
    all else equal. Every image is coded by itself: what it becomes cannot depend on its batch.

    Args:
        quantizer: ``vq``, ``rvq``, ``pq``, ``aq``, ``fsq``, ``lfq``, ``bsq``; None leaves the
            coefficients continuous, the ceiling of all of them.
        patch: side of a patch in pixels.
        dims: leading coefficients that are kept.
        bits: bits of a token.
        levels: codebooks of a token, for the families that have several.
    """

    fit_stride = 4

    def __init__(
        self, quantizer: str | None = None, patch: int = 8, dims: int = 32, bits: int = 12, levels: int = 2
    ) -> None:
        if not 1 <= dims <= 3 * patch * patch:
            raise BenchError(f"a patch of {patch}x{patch} has {3 * patch * patch} coefficients, not dims={dims}")
        self.patch, self.dims = patch, dims
        self.quantizer = build(quantizer, bits, levels) if quantizer else None
        if self.quantizer:
            self.codebooks = tuple(Codebook(size, f"{patch}x{patch} pixels") for size in self.quantizer.sizes)

    def fit(self, dataset: Dataset, seed: int) -> None:
        patches = torch.cat([self._patches(s.signal.float() / 255, self.fit_stride) for s in dataset])
        wide = patches.double()
        self.mean = wide.mean(0).float()
        _, vectors = torch.linalg.eigh(torch.cov(wide.T))
        basis = vectors.flip(1)[:, : self.dims]
        # An eigenvector's sign is arbitrary: fix it, so that every LAPACK gives the same codes.
        basis = basis * basis.gather(0, basis.abs().argmax(0, keepdim=True)).sign()
        self.basis = basis.float().contiguous()
        if self.quantizer:
            self.quantizer.fit((patches - self.mean) @ self.basis, seed)

    def encode(self, batch: torch.Tensor) -> Tokens:
        height, width = batch.shape[-2:]
        extra = (0, -width % self.patch, 0, -height % self.patch)
        padded = F.pad(batch.cpu(), extra, mode="replicate")
        grid = (padded.shape[-2] // self.patch, padded.shape[-1] // self.patch)
        shape = tuple(batch.shape[1:])
        coefficients = [(self._patches(image, self.patch) - self.mean) @ self.basis for image in padded]
        if self.quantizer is None:
            return Tokens(latents=torch.stack(coefficients).unflatten(1, grid), signal_shape=shape)
        codes = torch.stack([self.quantizer.encode(one) for one in coefficients]).unflatten(1, grid)
        return Tokens(codes=tuple(code.contiguous() for code in codes.unbind(-1)), signal_shape=shape)

    def decode(self, tokens: Tokens) -> torch.Tensor:
        grid = tuple((tokens.codes[0] if tokens.latents is None else tokens.latents).shape[1:3])
        if tokens.latents is not None:
            coefficients = list(tokens.latents.flatten(1, 2))
        else:
            assert self.quantizer is not None
            coefficients = [self.quantizer.decode(code) for code in torch.stack(tokens.codes, -1).flatten(1, 2)]
        images = [self._image(one @ self.basis.T + self.mean, grid) for one in coefficients]
        _, height, width = tokens.signal_shape
        return torch.stack(images)[..., :height, :width]

    def _patches(self, image: torch.Tensor, stride: int) -> torch.Tensor:
        """Patches of one image ``[3, h, w]`` as rows ``[n, 3·patch²]``, in raster order."""
        return F.unfold(image[None], self.patch, stride=stride)[0].T

    def _image(self, rows: torch.Tensor, grid: tuple[int, ...]) -> torch.Tensor:
        size = (grid[0] * self.patch, grid[1] * self.patch)
        return F.fold(rows.T[None], size, self.patch, stride=self.patch)[0]
