"""What a tokenizer emits, and the rates that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

TokenKind = Literal["discrete", "continuous", "bytes"]


class TokenError(ValueError):
    """Tokens that contradict the codebooks their tokenizer declares."""


@dataclass(frozen=True)
class Codebook:
    """One codebook of a tokenizer.

    Attributes:
        size: number of entries; a code lies in ``[0, size)``.
        covers: what one code stands for, for people: ``"8x8 pixels"``, ``"1/75 s"``.
    """

    size: int
    covers: str

    @property
    def bits(self) -> float:
        """Nominal bits of one code: log2 of the size."""
        return math.log2(self.size)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch: exactly one of codes, latents and payload is filled.

    Attributes:
        codes: int64 tensors, one a codebook level, each ``[batch, *grid]``. One type serves
            one grid (VQ), equal grids (RVQ), unequal grids (VAR's scales) and sequences (TiTok).
        latents: continuous tokens, float ``[batch, *grid, dim]``.
        payload: the coded bytes of each sample, for codec baselines such as JPEG.
        signal_shape: shape of one input sample, so that ``decode`` can undo padding.
    """

    codes: tuple[torch.Tensor, ...] = ()
    latents: torch.Tensor | None = None
    payload: tuple[bytes, ...] = ()
    signal_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if sum((bool(self.codes), self.latents is not None, bool(self.payload))) != 1:
            raise TokenError("tokens hold exactly one of codes, latents and payload")

    @property
    def kind(self) -> TokenKind:
        if self.codes:
            return "discrete"
        return "bytes" if self.payload else "continuous"

    @property
    def batch_size(self) -> int:
        if self.payload:
            return len(self.payload)
        return (self.codes[0] if self.latents is None else self.latents).shape[0]

    @property
    def per_sample(self) -> int | None:
        """Tokens of one sample over all levels; None for a codec, which has bytes instead."""
        if self.latents is not None:
            return math.prod(self.latents.shape[1:-1])
        return sum(code[0].numel() for code in self.codes) if self.codes else None

    def check(self, codebooks: tuple[Codebook, ...]) -> None:
        """Raise TokenError unless the codes fit the declared codebooks in number, type and range."""
        if self.kind != "discrete":
            if codebooks:
                raise TokenError(f"{len(codebooks)} codebooks are declared, but the tokens are {self.kind}")
            return
        if len(self.codes) != len(codebooks):
            raise TokenError(f"{len(self.codes)} levels of codes for {len(codebooks)} declared codebooks")
        for level, (code, book) in enumerate(zip(self.codes, codebooks, strict=True)):
            if code.dtype != torch.int64:
                raise TokenError(f"level {level}: codes are {code.dtype}, not int64")
            if code.shape[0] != self.batch_size:
                raise TokenError(f"level {level}: {code.shape[0]} samples, level 0 has {self.batch_size}")
            if code.numel() and (int(code.min()) < 0 or int(code.max()) >= book.size):
                span = f"{int(code.min())}..{int(code.max())}"
                raise TokenError(f"level {level}: codes {span} outside the codebook 0..{book.size - 1}")

    def nominal_bits(self, codebooks: tuple[Codebook, ...]) -> torch.Tensor | None:
        """Bits of each sample at fixed length, float64 ``[batch]``; None for continuous tokens.

        A code costs log2(codebook size) bits; a codec's bytes are counted as they are.
        """
        if self.payload:
            return torch.tensor([8.0 * len(data) for data in self.payload], dtype=torch.float64)
        if not self.codes:
            return None
        bits = sum(code[0].numel() * book.bits for code, book in zip(self.codes, codebooks, strict=True))
        return torch.full((self.batch_size,), bits, dtype=torch.float64)
