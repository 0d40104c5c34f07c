"""What the adapters of pretrained audio tokenizers share: rates, whole frames, shapes of codes, device, dtype."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch.nn import functional as F

from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.errors import BenchError
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer
from bench.tokenizers.checkpoint_files import Checkpoint


@dataclass(frozen=True)
class Structure:
    """The tokens of a model as its architecture defines them; the bitrate follows from this alone.

    Attributes:
        rate: samples per second.
        hop: samples of one frame of the finest codebook.
        sizes: entries of each codebook in use.
        strides: frames that a code of each codebook spans; every one where empty.
        once: entries and codes per clip of codebooks without a rate, which come before the others.
    """

    rate: int
    hop: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...] = ()
    once: tuple[tuple[int, int], ...] = ()

    @property
    def spans(self) -> tuple[int, ...]:
        """Samples that a code of each codebook spans."""
        return tuple(self.hop * stride for stride in self.strides or (1,) * len(self.sizes))

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        return tuple(Codebook(size, f"1/{count} of the clip", per_clip=count) for size, count in self.once) + tuple(
            Codebook(size, f"{Fraction(span, self.rate)} s", self.rate / span)
            for size, span in zip(self.sizes, self.spans, strict=True)
        )


class PretrainedAudioTokenizer(AudioTokenizer):
    """A pretrained codec of waveforms with discrete codes.

    Clips of a batch must be equally long: the models see past the end of a clip (convolutions over both
    sides, recurrence or attention backwards, normalization over time), and none masks padding all the way, so
    that the zeros after a short clip would change its last codes. Everything is float32 until ``to`` says otherwise.

    A model whose library asks for a whole number of hops (``whole`` samples) gets the clip padded with zeros
    at its end; what is decoded is cut again, and padded with zeros where a model returns less than it got.
    Nothing is shifted.

    Args:
        whole: the model takes multiples of this number of samples.

    Attributes:
        model: the library's model, in evaluation mode: outside of it, some ignore the number of codebooks.
        structure: rates and codebooks.
    """

    equal_lengths = True

    def __init__(self, checkpoint: Checkpoint, model: Any, structure: Structure, whole: int = 1) -> None:
        self.model: Any = model.eval().requires_grad_(False)
        self.structure, self.whole = structure, whole
        self.rate, self.codebooks = structure.rate, structure.codebooks
        self.folder = checkpoint.folder
        self.weights = checkpoint.hashes(checkpoint.files)
        self.revision = checkpoint.revision
        self.device, self.dtype = torch.device("cpu"), torch.float32

    @abstractmethod
    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        """Codes ``[batch, positions]`` of each codebook, for waves ``[batch, channels, time]``."""

    @abstractmethod
    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        """Decoded waves ``[batch, channels, time]`` of codes, of about the encoded length."""

    def tokens_of(self, waves: torch.Tensor) -> Tokens:
        """The tokens of waves ``[batch, channels, time]``, which are codes where a class does not say otherwise."""
        return Tokens(codes=tuple(code.to(torch.int64).contiguous() for code in self.codes_of(waves)))

    def waves_from(self, tokens: Tokens) -> torch.Tensor:
        """Decoded waves ``[batch, channels, time]`` of what ``tokens_of`` gave, of about the encoded length."""
        return self.waves_of([code.to(self.device) for code in tokens.codes])

    def positions(self, samples: int) -> tuple[int, ...]:
        """Number of codes of each codebook for a number of samples."""
        return tuple(math.ceil(samples / span) for span in self.structure.spans)

    def to(self, device: torch.device, dtype: torch.dtype) -> PretrainedAudioTokenizer:
        self.device, self.dtype = torch.device(device), dtype
        # Past the libraries' own ``to``, which warns of modules to be kept in float32 even where there are none.
        torch.nn.Module.to(self.model, self.device, dtype)
        return self

    @torch.no_grad()
    def encode_waves(self, waves: Audio) -> Tokens:
        if not waves.equal_lengths:
            raise BenchError(
                f"{type(self).__name__} takes clips of one length at a time, not {sorted(set(waves.lengths.tolist()))} "
                "samples: padding would change the codes; batch equal lengths, as equal_lengths says"
            )
        padded = F.pad(waves.samples, (0, -waves.samples.shape[2] % self.whole))
        tokens = self.tokens_of(padded.to(self.device, self.dtype))
        self._check(tokens.codes, len(padded), padded.shape[2])
        return tokens

    @torch.no_grad()
    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        waves = self.waves_from(tokens).float()
        if self.dtype == torch.float16 and not torch.isfinite(waves).all():
            raise BenchError(f"{self.folder}: the model overflows in float16; use bfloat16 or float32")
        return waves

    def _check(self, codes: tuple[torch.Tensor, ...], batch: int, samples: int) -> None:
        """Raise TokenError if the model gave other codes than its architecture and argument state."""
        shapes = [tuple(code.shape) for code in codes]
        expected = [(batch, count) for count in self.positions(samples)]
        if shapes != expected:
            raise TokenError(
                f"{self.folder}: {type(self).__name__} gave {len(shapes)} books of codes {sorted(set(shapes))} for "
                f"{samples} samples, where {len(expected)} books of {sorted(set(expected))} were asked of it"
            )


def check_books(books: int | None, available: int, folder: object, least: int = 1) -> int:
    """The number of codebooks to use: ``books``, or all; BenchError if the model does not have so many."""
    if books is None:
        return available
    if isinstance(books, bool) or not isinstance(books, int) or not least <= books <= available:
        raise BenchError(f"{folder}: books={books}: the model has {available} codebooks; give {least} to {available}")
    return books
