"""What a tokenizer emits, and the rates that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

TokenKind = Literal["discrete", "continuous", "hybrid", "bytes", "unknown"]

EDGE_FRAMES = 4
"""How many codes more or fewer than its length times the rate a clip may have, because both ends are padded."""
RATE_TOLERANCE = 1e-3
"""The share by which the number of a clip's codes may differ from the declared rate in addition."""


class TokenError(ValueError):
    """Tokens that contradict the codebooks their tokenizer declares."""


class NoTokensError(ValueError):
    """A tokenizer gave no tokens for a sample."""


@dataclass(frozen=True)
class Codebook:
    """One codebook of a tokenizer.

    Attributes:
        size: number of entries; a code lies in ``[0, size)``.
        covers: what one code stands for, for people: ``"8x8 pixels"``, ``"1/75 s"``.
        rate: codes per second of signal, for audio; exact, as the architecture has it.
        per_clip: codes of a clip of audio, whatever its length, in place of a rate: tokens of the speaker, for example.
    """

    size: int
    covers: str
    rate: float | None = None
    per_clip: int | None = None

    @property
    def bits(self) -> float:
        """Nominal bits of one code: log2 of the size."""
        return math.log2(self.size)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch: codes, latents, both of them, or a payload; or nothing is known of them.

    Attributes:
        codes: int64 tensors, one per codebook level, each ``[batch, *grid]``. One type serves
            one grid (VQ), equal grids (RVQ), unequal grids (VAR's scales) and sequences (TiTok).
        latents: continuous tokens, float ``[batch, *grid, dim]``. Beside codes they are what the codes leave over, as
            in HART (Tang et al. 2024, arXiv 2410.10812), and a level of their own after those of the codes.
        payload: the coded bytes of each sample, for codec baselines such as JPEG.
        unknown: number of samples whose tokens are not known, where only the reconstructions are at hand.
        stated_bits: nominal bits of each sample, float64 ``[batch]``, as whoever made unknown tokens states them.
        signal_shape: shape of one input sample, so that ``decode`` can undo padding.
        signal_rate: sample rate of the input in Hz, for audio.
        signal_lengths: samples of each input clip without padding, int64 ``[batch]``, for audio.
        lengths: where a batch has samples of several lengths, how many positions of each are not padding: one tensor
            int64 ``[batch]`` per level (latents are one), on the CPU. The positions after them are padding and never
            counted. Empty where every position counts. Only sequences have lengths.

    Raises:
        TokenError: none of them is given, or two that exclude each other.
    """

    codes: tuple[torch.Tensor, ...] = ()
    latents: torch.Tensor | None = None
    payload: tuple[bytes, ...] = ()
    unknown: int = 0
    stated_bits: torch.Tensor | None = None
    signal_shape: tuple[int, ...] = ()
    signal_rate: int = 0
    signal_lengths: torch.Tensor | None = None
    lengths: tuple[torch.Tensor, ...] = ()

    def __post_init__(self) -> None:
        if sum((bool(self.codes) or self.latents is not None, bool(self.payload), bool(self.unknown))) != 1:
            raise TokenError("tokens hold codes, latents, or codes and latents; or else a payload alone")

    @property
    def kind(self) -> TokenKind:
        """``discrete`` for codes, ``continuous`` for latents, ``hybrid`` for both, ``bytes`` for a payload."""
        if self.unknown:
            return "unknown"
        if self.payload:
            return "bytes"
        if self.codes:
            return "discrete" if self.latents is None else "hybrid"
        return "continuous"

    @property
    def batch_size(self) -> int:
        """The number of samples in the batch."""
        return self.unknown or len(self.payload) or self._levels[0].shape[0]

    @property
    def _levels(self) -> tuple[torch.Tensor, ...]:
        """A tensor ``[batch, *grid]`` of each level: the codes', then the first dimension of the latents."""
        return self.codes if self.latents is None else (*self.codes, self.latents[..., 0])

    @property
    def counts(self) -> torch.Tensor | None:
        """The number of tokens of each sample over all levels, int64 ``[batch]``; None if it has none to count.

        Nothing is counted of a payload of bytes and of unknown tokens.
        """
        if not self._levels:
            return None
        return torch.stack([self.positions(level) for level in range(len(self._levels))]).sum(0)

    def positions(self, level: int) -> torch.Tensor:
        """The number of positions of each sample at a level (latents are the last one), int64 ``[batch]``."""
        if self.lengths:
            return self.lengths[level]
        return torch.full((self.batch_size,), math.prod(self._levels[level].shape[1:]))

    def rows(self, level: int) -> list[torch.Tensor]:
        """One tensor per sample, without padding: codes of a level ``[positions]``, or latents ``[positions, dim]``."""
        counts = self.positions(level).tolist()
        if self.latents is not None and level == len(self.codes):
            return [latent.flatten(0, -2)[:count] for latent, count in zip(self.latents, counts, strict=True)]
        return [code.flatten()[:count] for code, count in zip(self.codes[level], counts, strict=True)]

    def require_some(self, tokenizer: object) -> None:
        """Require that every sample has a token.

        Raises:
            NoTokensError: one has none; the message names the class of ``tokenizer``.
        """
        counts = self.counts
        if counts is None or bool((counts > 0).all()):
            return
        shapes = [tuple(level.shape) for level in (*self.codes, *(() if self.latents is None else (self.latents,)))]
        lengths = f" and lengths {[length.tolist() for length in self.lengths]}" if self.lengths else ""
        raise NoTokensError(
            f"{type(tokenizer).__name__}.encode gave no tokens: {'codes' if self.codes else 'latents'} of shape "
            f"{', '.join(map(str, shapes))}{lengths}; give each sample at least one, [batch, *grid]"
        )

    def check(self, codebooks: tuple[Codebook, ...]) -> None:
        """Raise TokenError unless the codes fit the declared codebooks in number, type and range."""
        self._check_lengths()
        if not self.codes:
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

    def check_rates(self, codebooks: tuple[Codebook, ...]) -> None:
        """Raise TokenError unless each clip of audio has as many codes as its length and the declared rates imply.

        A model may add a few frames at the ends (padding to whole frames, a last one that overlaps); more means a
        wrong declaration, or a model that did not do what it was asked to. Of a codebook with a number of codes per
        clip, every clip has exactly that many.
        """
        if self.signal_lengths is None:
            return
        seconds = self.signal_lengths.double() / self.signal_rate
        for level, book in enumerate(codebooks):
            counted = self.positions(level)
            if book.per_clip is not None:
                if wrong := [count for count in counted.tolist() if count != book.per_clip]:
                    raise TokenError(
                        f"level {level}: {wrong[0]} codes for a clip, where its codebook declares {book.per_clip}"
                    )
                continue
            if book.rate is None:
                raise TokenError(
                    f"level {level}: a codebook of audio must declare its rate, in codes per second, or else its codes "
                    "per clip"
                )
            expected = seconds * book.rate
            slack = EDGE_FRAMES + RATE_TOLERANCE * expected
            off = torch.nonzero((counted - expected).abs() > slack).flatten()
            if len(off):
                clip = int(off[0])
                hint = ""
                if not self.lengths and len(self.signal_lengths.unique()) > 1:
                    hint = "; in a padded batch, set Tokens.lengths to the number of each clip's codes without padding"
                raise TokenError(
                    f"level {level}: {int(counted[clip])} codes for {float(seconds[clip]):.3f} s, but its codebook "
                    f"declares {book.rate:g} per second, which makes {float(expected[clip]):.1f}{hint}"
                )

    def nominal_bits(self, codebooks: tuple[Codebook, ...]) -> torch.Tensor | None:
        """Bits of each sample in a fixed-length code, float64 ``[batch]``; None if any of its tokens are continuous.

        A code costs log2(codebook size) bits; the bytes of a codec are counted as they are. Of unknown tokens they are
        what is stated, None if nothing is.
        """
        if self.unknown:
            return self.stated_bits
        if self.payload:
            return torch.tensor([8.0 * len(data) for data in self.payload], dtype=torch.float64)
        if self.latents is not None:
            return None
        bits = [self.positions(level).double() * book.bits for level, book in enumerate(codebooks)]
        return torch.stack(bits).sum(0)

    def _check_lengths(self) -> None:
        """TokenError unless the lengths, where there are any, fit the codes or latents."""
        if not self.lengths:
            return
        if len(self.lengths) != len(self._levels):
            raise TokenError(f"{len(self.lengths)} lengths for {len(self._levels)} sequences of tokens")
        for level, (length, sequence) in enumerate(zip(self.lengths, self._levels, strict=True)):
            if sequence.ndim != 2:
                raise TokenError(
                    f"level {level}: tokens {tuple(sequence.shape)} are not sequences, so they cannot have lengths"
                )
            if length.dtype != torch.int64 or length.shape != (self.batch_size,):
                raise TokenError(f"level {level}: lengths are {length.dtype} {tuple(length.shape)}, not int64 [batch]")
            if int(length.min()) < 0 or int(length.max()) > sequence.shape[1]:
                raise TokenError(f"level {level}: lengths {length.tolist()} for {sequence.shape[1]} positions")
