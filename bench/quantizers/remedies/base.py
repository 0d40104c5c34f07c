"""The contract of remedies against codebook collapse."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from bench.contracts.system import part
from bench.errors import BenchError
from bench.quantizers.estimators.base import Carried


class Remedy(nn.Module):
    """What is done against collapse: a remedy overrides the steps that it changes. This class is the remedy ``none``.

    What it keeps from step to step is a parameter or a buffer, from which a training is resumed; what :meth:`progress`
    sets need not be.

    Args:
        size: number of codewords.
        dim: dimensions of the vectors.

    Attributes:
        dim: dimensions of the stored codewords; those of the vectors unless the remedy projects them.
        carries: whether it carries vectors through the choice itself, in place of a gradient estimator.
        averages: whether codewords may be updated by moving averages rather than by a gradient.
        learned: whether the stored codewords are updated at all; if not, they get no gradient.
        commits: whether its loss contains the commitment loss, so that a weight of that can be chosen.
    """

    carries: ClassVar[bool] = False
    averages: ClassVar[bool] = True
    learned: ClassVar[bool] = True
    commits: ClassVar[bool] = True

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size, self.dim = size, dim

    def start(self, weight: torch.Tensor, vectors: torch.Tensor, generator: torch.Generator) -> None:
        """Called once before training: set the stored codewords in place, given :meth:`taken` vectors ``[n, dim]``."""
        return

    def progress(self, share: float) -> None:
        """Called before each training step with the share of the training that is done, in [0, 1)."""
        return

    def taken(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors as they are compared with codewords, ``[n, dim of the codewords]``."""
        return vectors

    def given(self, vectors: torch.Tensor) -> torch.Tensor:
        """What the decoder gets of codewords, ``[n, dim of the vectors]``."""
        return vectors

    def codewords(self, weight: torch.Tensor) -> torch.Tensor:
        """The codewords that are compared, of those that are stored."""
        return weight

    def logits(self, vectors: torch.Tensor, codewords: torch.Tensor) -> torch.Tensor:
        """How near each codeword is to each vector, ``[n, size]``: minus the squared distance."""
        # In two passes over the [n, size] numbers, which take most of a step's time.
        products = torch.addmm(-codewords.square().sum(1), vectors, codewords.T, alpha=2)
        return products.sub_(vectors.square().sum(1, keepdim=True))

    def carry(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        """As an :class:`~bench.quantizers.estimators.base.Estimator`, for a remedy that ``carries``."""
        raise NotImplementedError

    def loss(
        self,
        loss: torch.Tensor,
        vectors: torch.Tensor,
        codewords: torch.Tensor,
        logits: torch.Tensor,
        carried: Carried,
    ) -> torch.Tensor:
        """The loss of the codebook.

        Args:
            loss: that of codebook and commitment, with the weights of the recipe.
            carried: what the estimator or :meth:`carry` made of the vectors.
        """
        return loss

    def upkeep(
        self, weight: torch.Tensor, vectors: torch.Tensor, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor | None:
        """Move stored codewords in place after a step, given what was assigned to them.

        Returns:
            the numbers of those that were moved, int64 ``[moved]``; None if none was.
        """
        return None


def counted(codes: torch.Tensor, size: int) -> torch.Tensor:
    """How often each of ``size`` codewords was chosen, float32 ``[size]``."""
    return torch.bincount(codes, minlength=size).float()


def remedy_of(text: str, size: int, dim: int) -> Remedy:
    """The remedy that ``NAME`` or ``NAME@key=value`` names (``bench list remedies``), for a codebook.

    Raises:
        UnknownName: there is none of that name.
        BenchError: it does not take the arguments.
    """
    made = part("remedies", text, size=size, dim=dim)
    if not isinstance(made, Remedy):
        raise BenchError(f"{text}: {type(made).__name__} is not a bench.quantizers.remedies.base.Remedy")
    return made
