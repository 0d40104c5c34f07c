"""The contract of the small autoencoders in which bottlenecks are trained, one for each modality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import Dataset
from bench.quantizers.trained.base import Bottleneck
from bench.tokenizers.base import Tokenizer


class NetworkSettings(BaseModel):
    """The settings of the autoencoder of a modality; the protocol carries them all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=16, ge=1, description="dimensions of a latent, which the bottleneck codes")


class Autoencoder(nn.Module, ABC):
    """An encoder of signals to latents ``[batch, *grid, width]`` and a decoder of latents to signals.

    It is trained on examples, such as crops of images or frames of audio, and then codes whole signals.

    Args:
        settings: an instance of ``Settings``.
        examples: what :meth:`examples_of` gives for the split that it is trained on; what it must know of the scale
            of signals is taken from there.

    Attributes:
        tokenizer: the class that codes whole signals with it.
    """

    Settings: ClassVar[type[NetworkSettings]]
    tokenizer: ClassVar[type[TrainedTokenizer]]

    def __init__(self, settings: Any, examples: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.settings = settings

    @classmethod
    @abstractmethod
    def examples_of(cls, dataset: Dataset, settings: Any) -> list[torch.Tensor]:
        """The signals of a split as examples are drawn from them.

        Raises:
            BenchError: there are none, or they are too small; the message names the data set.
        """

    @classmethod
    @abstractmethod
    def draw(cls, examples: Sequence[torch.Tensor], n: int, settings: Any, generator: torch.Generator) -> torch.Tensor:
        """``n`` random examples, float32 ``[n, ...]`` on the processor."""

    @abstractmethod
    def encode(self, examples: torch.Tensor) -> torch.Tensor:
        """Latents ``[n, *grid, width]`` of examples."""

    @abstractmethod
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Examples of latents ``[n, *grid, width]``."""

    @abstractmethod
    def losses(self, decoded: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        """The loss of each example, ``[n]``: 1 on average where only the mean of the training signals is decoded."""


class TrainedTokenizer(Tokenizer):
    """An autoencoder and its bottleneck after training, as a tokenizer of whole signals.

    A modality's class brings whole signals to the network: ``encode`` ends with :meth:`tokens_of`, and ``decode``
    begins with :meth:`latents_of`.
    """

    casts = False

    def __init__(self, network: Autoencoder, bottleneck: Bottleneck) -> None:
        self.network, self.bottleneck = network, bottleneck
        spans = bottleneck.spans or (Fraction(1),) * len(bottleneck.sizes)
        self.codebooks = tuple(self.codebook(*level) for level in zip(bottleneck.sizes, spans, strict=True))

    @abstractmethod
    def codebook(self, size: int, span: Fraction) -> Codebook:
        """The codebook of ``size`` entries whose codes stand for ``span`` places along each axis of the grid."""

    def tokens_of(self, latents: torch.Tensor, **facts: Any) -> Tokens:
        """The tokens of latents ``[batch, *grid, width]``: their codes, or themselves where nothing is quantized."""
        if not self.bottleneck.sizes:
            return Tokens(latents=latents, **facts)
        return Tokens(codes=tuple(self.bottleneck.encode(latents)), **facts)

    def latents_of(self, tokens: Tokens) -> torch.Tensor:
        """The latents ``[batch, *grid, width]`` that the decoder gets of tokens."""
        return self.bottleneck.decode(tokens.codes) if tokens.latents is None else tokens.latents
