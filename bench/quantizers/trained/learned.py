"""What bottlenecks of learned codebooks share."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import torch

from bench.quantizers.trained.base import Bottleneck, Coded
from bench.quantizers.trained.codebook import Codebook, Looked, Recipe, Update

BITS = 10
"""Bits of a token where nothing else is said."""
RECIPE = tuple(field.name for field in fields(Recipe))
"""The arguments that all bottlenecks of codebooks take."""


class LearnedBottleneck(Bottleneck):
    """A bottleneck of codebooks that are trained, all by one recipe.

    A family passes what else it is given on as ``**recipe``; its signature names the arguments all the same.

    Args:
        width: dimensions of a latent.
        estimator: how the encoder gets its gradient (``bench list estimators``).
        remedy: what is done against collapse (``bench list remedies``).
        update: how codewords follow what is assigned to them: by the gradient of the codebook ``loss``, or by
            exponential moving averages (``ema``).
        commitment: weight of the commitment loss.

    Attributes:
        books: the codebooks, in the order of ``sizes``.
    """

    def __init__(
        self,
        width: int,
        estimator: str = Recipe.estimator,
        remedy: str = Recipe.remedy,
        update: Update = Recipe.update,
        commitment: float = Recipe.commitment,
    ) -> None:
        super().__init__(width)
        self.recipe = Recipe(estimator, remedy, update, commitment)
        self.books: list[Codebook] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        recipe = [
            parameter
            for name, parameter in inspect.signature(LearnedBottleneck.__init__).parameters.items()
            if name in RECIPE
        ]
        own = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if own and own[-1].kind is own[-1].VAR_KEYWORD:
            cls.__signature__ = inspect.Signature([*own[:-1], *recipe])  # type: ignore[attr-defined]

    def add(self, size: int, dim: int) -> None:
        """Add a codebook of ``size`` codewords of ``dim`` dimensions."""
        book = Codebook(size, dim, self.recipe)
        self.add_module(f"book_{len(self.books)}", book)
        self.books.append(book)
        self.sizes = (*self.sizes, size)

    def progress(self, share: float) -> None:
        for book in self.books:
            book.progress(share)

    def upkeep(self, generator: torch.Generator) -> None:
        for book in self.books:
            book.upkeep(generator)


def coded(decoded: torch.Tensor, codes: Iterable[torch.Tensor], looked: list[Looked]) -> Coded:
    """What a bottleneck gives of levels through which all latents went; losses are averaged over levels.

    Args:
        decoded: what the decoder gets, ``[batch, *grid, width]``.
        codes: codes of each level, ``[batch, *grid of the level]``.
        looked: what the codebook of each level made of its vectors, sample after sample.
    """
    drawn = [level.drawn.view(len(decoded), -1).sum(1) for level in looked if level.drawn is not None]
    return Coded(
        decoded,
        tuple(codes),
        torch.stack([level.loss for level in looked]).mean(),
        torch.stack([level.commitment for level in looked]).mean(),
        torch.stack(drawn).sum(0) if drawn else None,
    )
