"""The contract of bottlenecks: quantizers that are trained together with an encoder and a decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import torch
from torch import nn


@dataclass(frozen=True)
class Coded:
    """What a bottleneck makes of latents in training.

    Attributes:
        latents: what the decoder gets, float ``[batch, *grid, width]``, with the gradient that the encoder shall get.
        codes: codes of each level, int64 ``[batch, *grid of the level]``, -1 where a sample was trained without the
            level; empty for continuous latents.
        loss: what is added to the loss of the reconstruction, a scalar.
        commitment: mean squared distance of what is quantized to its codeword, a scalar without gradient; zero where
            nothing is quantized.
        drawn: log-probability of the codes of each sample, ``[batch]`` with gradient, where they were drawn and the
            encoder's gradient is that of a score function; else None.
    """

    latents: torch.Tensor
    codes: tuple[torch.Tensor, ...]
    loss: torch.Tensor
    commitment: torch.Tensor
    drawn: torch.Tensor | None = None


class Bottleneck(nn.Module, ABC):
    """Turns latents ``[batch, *grid, width]`` of an encoder into codes and back; the grid has one axis or two.

    A class of one's own takes ``width`` and whatever arguments it likes. It is measured beside those of the bench, as
    ``my_file.py:Class@bits=8``. What it keeps from step to step is a parameter or a buffer: a training is resumed from
    the ``state_dict`` alone, without :meth:`start`, and tensors follow the module to a GPU only as these.

    Args:
        width: dimensions of a latent.

    Attributes:
        modality: the modality it is for; empty for any.
        sizes: codebook size of each level; empty for continuous latents.
        spans: places of the grid, along each axis, that a code of each level stands for; empty where all are 1.
    """

    modality: ClassVar[str] = ""
    sizes: tuple[int, ...] = ()
    spans: tuple[Fraction, ...] = ()

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def start(self, latents: torch.Tensor, generator: torch.Generator) -> None:
        """Called once before training with latents ``[n, *grid, width]`` of the untrained encoder."""
        return

    def progress(self, share: float) -> None:
        """Called before each training step with the share of the training that is done, in [0, 1)."""
        return

    @abstractmethod
    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        """A training step's latents, coded.

        Args:
            generator: on the processor; everything random comes from it, so that a training can be repeated.
        """

    def upkeep(self, generator: torch.Generator) -> None:
        """Called after each update of the weights: what changes codebooks without a gradient."""
        return

    @abstractmethod
    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes of each level, int64 ``[batch, *grid of the level]``, without anything random."""

    @abstractmethod
    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        """The latents ``[batch, *grid, width]`` that codes stand for."""
