"""Published image tokenizers that are built from a configuration and the tensors of their publishers' files."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.checkpoint_files import Checkpoint
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import PretrainedTokenizer
from bench.tokenizers.readers import network_of


class Published(PretrainedTokenizer):
    """A published image tokenizer. Weights are read in float32, whatever they were saved in.

    A class says how a configuration is read (``layout``), which network it makes (``network``), and what codes or
    latents are to it. The network is of a library, or of ``bench/modalities/image/networks``.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.

    Attributes:
        called: what messages call the network.
        side: what ``side_of`` says of the network.
    """

    called: ClassVar[str]
    side: int

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        checkpoint = locate(path, repo, subfolder, revision, offline, file=file, config=config, weights=weights)
        model, files = network_of(self, checkpoint)
        self._adopt(checkpoint, model, files)

    @classmethod
    def of(cls, checkpoint: Checkpoint, model: Any) -> Self:
        """The tokenizer around a loaded model that is part of a larger one, whose weights files it reports."""
        made = cls.__new__(cls)
        made._adopt(checkpoint, model)
        return made

    def _adopt(self, checkpoint: Checkpoint, model: Any, files: tuple[Path, ...] | None = None) -> None:
        super().__init__(checkpoint, model, self.factor_of(model), files)
        self.side = self.side_of(model)
        self.codebooks = self.codebooks_in(model)

    @staticmethod
    @abstractmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a checkpoint with this configuration; None if it is of another model."""

    @classmethod
    @abstractmethod
    def network(cls, config: dict[str, Any]) -> Any:
        """The network of a layout's ``config``, with random weights."""

    @staticmethod
    @abstractmethod
    def factor_of(model: Any) -> int:
        """What the sides of an image must be multiples of, in pixels."""

    @staticmethod
    def side_of(model: Any) -> int:
        """Height and width in pixels of the only images that a network takes; 0 where it takes any."""
        return 0

    def codebooks_in(self, model: Any) -> tuple[Codebook, ...]:
        """The codebooks of a network; none of one with continuous tokens."""
        return ()

    def positions(self, height: int, width: int) -> list[int]:
        """The number of codes of each level (of latents: of vectors) for an image of this size."""
        grid = math.ceil(height / self.factor) * math.ceil(width / self.factor)
        return [grid] * max(1, len(self.codebooks))

    def prepared(self, batch: torch.Tensor) -> torch.Tensor:
        """Images as :meth:`PretrainedTokenizer.prepared` has them.

        Raises:
            BenchError: the network is made for another size.
        """
        if self.side:
            require_side(self.called, self.side, batch)
        return super().prepared(batch)


class PublishedCodes(Published):
    """A published image tokenizer with discrete codes."""

    @abstractmethod
    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes of each level, int64 ``[batch, *grid]``, of prepared images ``[batch, 3, height, width]``."""

    @abstractmethod
    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The network's images ``[batch, 3, height, width]`` of the codes of each level."""

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> Tokens:
        return Tokens(codes=self.codes_of(self.prepared(batch)), signal_shape=tuple(batch.shape[1:]))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        return self.restored(self.images_of(tuple(code.to(self.device) for code in tokens.codes)), tokens)


class PublishedLatents(Published):
    """A published image tokenizer with continuous tokens."""

    @abstractmethod
    def latents_of(self, images: torch.Tensor) -> torch.Tensor:
        """Latents ``[batch, *grid, dim]`` of prepared images ``[batch, 3, height, width]``."""

    @abstractmethod
    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        """The network's images ``[batch, 3, height, width]`` of latents ``[batch, *grid, dim]``."""

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> Tokens:
        latents = self.latents_of(self.prepared(batch)).float().contiguous()
        return Tokens(latents=latents, signal_shape=tuple(batch.shape[1:]))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        return self.restored(self.images_of(tokens.latents.to(self.device, self.dtype)), tokens)


def require_side(called: str, side: int, batch: torch.Tensor) -> None:
    """Raise BenchError if images ``[batch, 3, height, width]`` are not squares of ``side`` pixels.

    Args:
        called: what the message calls the network.
    """
    height, width = batch.shape[-2:]
    if (height, width) != (side, side):
        raise BenchError(
            f"{called} takes images of {side}x{side} pixels only, not {height}x{width}",
            f"measure it under a protocol with size: {side}",
        )


def each(
    function: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], latents: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """What a function makes of a batch, called for one sample after the other.

    Distances to all entries of a codebook take memory, and a product's rounding, on which a code may hang, depends on
    its size.
    """
    samples = [function(latent[None]) for latent in latents]
    return tuple(torch.cat(level) for level in zip(*samples, strict=True))
