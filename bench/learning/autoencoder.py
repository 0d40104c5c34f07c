"""The contract of the small autoencoders in which bottlenecks are trained, one for each modality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from bench.contracts.tokens import Codebook, Tokens
from bench.datasets.base import Dataset
from bench.tokenizers.base import Tokenizer


class NetworkSettings(BaseModel):
    """The settings of the autoencoder of a modality; the protocol carries them all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=16, ge=1, description="dimensions of a latent, which the bottleneck codes")
    channels: int = Field(default=64, ge=1, description="channels of the network")


class Autoencoder(nn.Module, ABC):
    """An encoder of signals to latents ``[batch, *grid, width]`` and a decoder of latents to signals.

    It is trained on examples, such as crops of images or frames of audio, and then codes whole signals.

    Args:
        settings: an instance of ``Settings``.
        examples: what :meth:`examples_of` gives for the split that it is trained on; what it must know of the scale
            of signals is taken from there.

    Attributes:
        modality: the modality of the signals.
        equal_lengths: whether whole signals of a batch must be equally long, because padding would change them.
    """

    modality: ClassVar[str]
    Settings: ClassVar[type[NetworkSettings]]
    equal_lengths: ClassVar[bool] = False

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
        """The loss of each example, ``[n]``: 1 where only the mean of the training signals is decoded."""

    @abstractmethod
    def encode_signal(self, signal: Any) -> tuple[torch.Tensor, dict[str, Any]]:
        """Latents ``[batch, *grid, width]`` of whole signals, and the fields of their tokens that describe the signals."""

    @abstractmethod
    def decode_signal(self, latents: torch.Tensor, tokens: Tokens) -> Any:
        """Whole signals of latents, as long or as large as the tokens say."""

    @abstractmethod
    def codebook(self, size: int, span: float) -> Codebook:
        """The codebook of ``size`` entries whose codes stand for ``span`` places along each axis of the grid."""


class TrainedTokenizer(Tokenizer):
    """An autoencoder and its bottleneck after training, as a tokenizer of whole signals."""

    casts = False

    def __init__(self, network: Autoencoder, bottleneck: Any) -> None:
        self.network, self.bottleneck = network, bottleneck
        self.modality = network.modality  # type: ignore[misc]
        self.equal_lengths = network.equal_lengths
        spans = bottleneck.spans or (1,) * len(bottleneck.sizes)
        self.codebooks = tuple(
            network.codebook(size, float(span)) for size, span in zip(bottleneck.sizes, spans, strict=True)
        )

    @torch.no_grad()
    def encode(self, batch: Any) -> Tokens:
        latents, facts = self.network.encode_signal(batch)
        if not self.bottleneck.sizes:
            return Tokens(latents=latents, **facts)
        return Tokens(codes=tuple(self.bottleneck.encode(latents)), **facts)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Any:
        latents = tokens.latents if tokens.latents is not None else self.bottleneck.decode(tokens.codes)
        return self.network.decode_signal(latents, tokens)
