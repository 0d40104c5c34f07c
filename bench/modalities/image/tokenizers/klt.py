"""Training-free image tokenizers: the KLT of patches, then a quantizer of the surveys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError, whole_number
from bench.machine.spectra import eigenvectors
from bench.machine.threads import one_torch_thread
from bench.quantizers.base import MapQuantizer, Quantizer, build, hyphenated
from bench.quantizers.multiscale import MultiScaleQuantizer
from bench.quantizers.one_thread import one_thread
from bench.tokenizers.base import Tokenizer

if TYPE_CHECKING:
    from bench.datasets.base import Dataset

LARGEST_PATCH = 64
"""Pixels; the covariance of larger patches would have a billion entries."""


class KLT(Tokenizer):
    """Karhunen-Loève transform (PCA) of non-overlapping patches, with or without a quantizer.

    One token stands for one patch, of ``msvq`` at the coarse scales for several. The transform and the
    codebooks are learned from a split disjoint from the evaluated one, within seconds, so that the quantizer
    families compare at equal bits with all else equal. Every image is coded by itself: what it becomes cannot
    depend on its batch.

    Args:
        quantizer: a family (``bench list quantizers``); None leaves the
            coefficients continuous, the ceiling of all of them.
        patch: side of a patch in pixels.
        dims: leading coefficients that are kept.
        bits: bits of a token.
        levels: codebooks of a token, for the families that have several.
        scales: of ``msvq``, rows and columns of each scale where the last is the whole grid, as ``1-2-4-8``, or in
            proportion; None: powers of two, from one code per image to one per patch of the largest training image.
    """

    casts = False
    fit_stride = 4

    def __init__(
        self,
        quantizer: str | None = None,
        patch: int = 8,
        dims: int = 32,
        bits: int = 12,
        levels: int = 2,
        scales: str | int | None = None,
    ) -> None:
        self.patch = whole_number("patch", patch, 1, LARGEST_PATCH)
        self.dims = whole_number(f"dims of a patch of {patch}x{patch}", dims, 1, 3 * patch * patch)
        if scales is not None and quantizer != "msvq":
            raise BenchError(f"scales={scales}: only the quantizer msvq has scales")
        self.quantizer: Quantizer | MapQuantizer | None = None
        if quantizer == "msvq":
            numbers = () if scales is None else hyphenated("scales", scales, "1-2-4-8")
            self.quantizer = MultiScaleQuantizer(bits, numbers)
        elif quantizer:
            self.quantizer = build(quantizer, bits, levels)
            self.quantizer.check(dims)
        self._declare()

    @one_thread()
    def fit(self, dataset: Dataset, seed: int) -> None:
        patches = torch.cat([self._patches(s.signal.float(), self.fit_stride) for s in dataset])
        wide = patches.double()
        mean = wide.mean(0)
        basis = eigenvectors(torch.cov(wide.T)).flip(1)[:, : self.dims]
        # An eigenvector's sign is arbitrary: fix it, so that every LAPACK gives the same codes.
        basis = basis * basis.gather(0, basis.abs().argmax(0, keepdim=True)).sign()
        basis = summable(basis)
        self.basis, self.inverse = basis.float().contiguous(), torch.linalg.pinv(basis).float().contiguous()
        self.mean, self.offset = (mean / 255).float(), (mean @ basis).float()
        if isinstance(self.quantizer, MapQuantizer):
            offsets = [
                (y, x) for y in range(0, self.patch, self.fit_stride) for x in range(0, self.patch, self.fit_stride)
            ]
            moved = (s.signal[:, y:, x:].float() for s in dataset for y, x in offsets)
            fitting = (image for image in moved if min(image.shape[1:]) >= self.patch)
            self.quantizer.fit([self._coefficients(image) for image in fitting], seed)
        elif self.quantizer:
            self.quantizer.fit(self._transform(patches), seed)
        self._declare()

    def encode(self, batch: torch.Tensor) -> Tokens:
        height, width = batch.shape[-2:]
        extra = (0, -width % self.patch, 0, -height % self.patch)
        padded = F.pad(batch.cpu() * 255, extra, mode="replicate")
        maps = [self._coefficients(image) for image in padded]
        shape = tuple(batch.shape[1:])
        if self.quantizer is None:
            return Tokens(latents=torch.stack(maps), signal_shape=shape)
        levels = zip(*map(self._codes, maps), strict=True)
        return Tokens(codes=tuple(torch.stack(level) for level in levels), signal_shape=shape)

    @one_torch_thread()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        if tokens.latents is not None:
            maps = list(tokens.latents)
        else:
            maps = [self._map(codes) for codes in zip(*tokens.codes, strict=True)]
        images = [self._image(coefficients) for coefficients in maps]
        _, height, width = tokens.signal_shape
        return torch.stack(images)[..., :height, :width]

    def _declare(self) -> None:
        """State the codebooks, as far as they are known before fitting."""
        if self.quantizer is None:
            return
        spans = self.quantizer.spans if isinstance(self.quantizer, MapQuantizer) else [1] * len(self.quantizer.sizes)
        sides = [f"{float(self.patch * span):g}" for span in spans]
        self.codebooks = tuple(
            Codebook(size, f"{side}x{side} pixels") for size, side in zip(self.quantizer.sizes, sides, strict=True)
        )

    def _codes(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes of one map of coefficients ``[height, width, dims]``, one grid per level."""
        if isinstance(self.quantizer, MapQuantizer):
            return self.quantizer.encode(latents)
        assert self.quantizer is not None
        codes = self.quantizer.encode(latents.flatten(0, 1))
        return tuple(code.reshape(latents.shape[:2]) for code in codes.unbind(-1))

    def _map(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Coefficients ``[height, width, dims]`` of one image's codes."""
        if isinstance(self.quantizer, MapQuantizer):
            return self.quantizer.decode(codes)
        assert self.quantizer is not None
        vectors = self.quantizer.decode(torch.stack(codes, -1).flatten(0, 1))
        return vectors.view(*codes[0].shape, self.dims)

    def _coefficients(self, image: torch.Tensor) -> torch.Tensor:
        """Coefficients ``[rows, columns, dims]`` of the whole patches of one image ``[3, h, w]`` of levels 0 to 255."""
        grid = (image.shape[1] // self.patch, image.shape[2] // self.patch)
        return self._transform(self._patches(image, self.patch)).view(*grid, self.dims)

    def _transform(self, patches: torch.Tensor) -> torch.Tensor:
        """Coefficients ``[n, dims]`` of patches ``[n, 3·patch²]`` of levels 0 to 255, for levels 0 to 1."""
        return (patches @ self.basis).sub_(self.offset).div_(255)

    def _patches(self, image: torch.Tensor, stride: int) -> torch.Tensor:
        """Patches of one image ``[3, h, w]`` as rows ``[n, 3·patch²]``, in raster order."""
        return F.unfold(image[None], self.patch, stride=stride)[0].T

    def _image(self, coefficients: torch.Tensor) -> torch.Tensor:
        rows = coefficients.flatten(0, 1) @ self.inverse + self.mean
        size = (coefficients.shape[0] * self.patch, coefficients.shape[1] * self.patch)
        return F.fold(rows.T[None], size, self.patch, stride=self.patch)[0]


def summable(basis: torch.Tensor) -> torch.Tensor:
    """A basis ``[levels, dims]``, float64, so rounded that float32 sums of whole levels 0 to 255 under it are exact.

    The entries become multiples of a power of two, 2⁻¹² for patches of 8x8, so large that no sum needs more than the
    24 bits of float32: then neither the order of its terms nor the processor's instructions can change a coefficient,
    and with it a code that hangs on its sign or on the nearer of two codewords. The last digits of the eigenvectors,
    which differ by the LAPACK, are rounded away as well. What is left is not quite orthonormal: its inverse is its
    pseudoinverse.
    """
    bits = math.ceil(math.log2(255 * float(basis.abs().sum(0).max())))
    while True:
        step = 2.0 ** (bits - 24)
        rounded = torch.round(basis / step) * step
        if 255 * float(rounded.abs().sum(0).max()) <= 2**bits:
            return rounded
        bits += 1  # what rounding added is one bit too many
