"""The backbone contract: tokens to a likelihood, and to new tokens."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from bench.backbones.sampling import Noise, Sampling
from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.backbones.corpus import Corpus, Examples

PLAIN = Sampling()

UNMODELED = {
    "bytes": "a codec emits bytes",
    "hybrid": "hybrid tokens are codes and latents at once",
}
"""Kinds of tokens without a backbone, and what they are."""


def nothing() -> None:
    """Do nothing, as a backbone does after a step that nobody times."""


@dataclass(frozen=True)
class Structure:
    """The structure of the tokens that a backbone models.

    Attributes:
        sizes: codebook size of each level; empty for continuous tokens.
        grids: positions of each level, by axis; for continuous tokens, those of the latents. For sequences of
            several lengths, those of the longest.
        signal_shape: shape of one signal, so that generated tokens can be decoded.
        signal_rate: samples per second of audio; 0 for images.
        dim: dimensions of a continuous token; 0 for codes.
    """

    sizes: tuple[int, ...]
    grids: tuple[tuple[int, ...], ...]
    signal_shape: tuple[int, ...] = ()
    signal_rate: int = 0
    dim: int = 0

    @classmethod
    def of(cls, tokens: Tokens, codebooks: tuple[Codebook, ...]) -> Structure:
        """The structure of what a tokenizer emitted; TokenError for what backbones do not model."""
        if reason := UNMODELED.get(tokens.kind):
            raise TokenError(f"{reason}, which backbones do not model; choose another tokenizer")
        latents = tokens.latents
        grids = [code.shape[1:] for code in tokens.codes] if latents is None else [latents.shape[1:-1]]
        return cls(
            sizes=tuple(book.size for book in codebooks),
            grids=tuple(tuple(grid) for grid in grids),
            signal_shape=tokens.signal_shape,
            signal_rate=tokens.signal_rate,
            dim=0 if latents is None else latents.shape[-1],
        )

    @property
    def positions(self) -> tuple[int, ...]:
        """Number of positions of each level."""
        return tuple(math.prod(grid) for grid in self.grids)

    @property
    def grows(self) -> bool:
        """Whether every level is a grid at least as large as the one before it, like the scales of an image."""
        return all(len(grid) == 2 for grid in self.grids) and all(
            coarse[axis] <= fine[axis] for coarse, fine in pairwise(self.grids) for axis in (0, 1)
        )

    def grid_of_all(self, paradigm: str) -> tuple[int, ...]:
        """The grid that all levels share; BenchError, naming the paradigm, if they differ."""
        if len(set(self.grids)) != 1:
            raise BenchError(f"{paradigm} needs levels that share one grid, not {', '.join(map(str, self.grids))}")
        return self.grids[0]

    def resized(self, positions: int) -> Structure:
        """The structure of sequences of so many positions; audio is longer or shorter in proportion, images stay."""
        if positions == self.positions[0]:
            return self
        shape = self.signal_shape
        if shape and self.signal_rate:
            shape = (*shape[:-1], round(shape[-1] * positions / self.positions[0]))
        return replace(self, grids=((positions,),) * len(self.grids), signal_shape=shape)

    def tokens(self, codes: list[torch.Tensor]) -> Tokens:
        """Codes ``[n, positions]`` per level as tokens of this structure, ready to be decoded."""
        shaped = tuple(code.cpu().unflatten(1, grid) for code, grid in zip(codes, self.grids, strict=True))
        return Tokens(codes=shaped, **self._signal(len(codes[0])))

    def continuous(self, latents: torch.Tensor) -> Tokens:
        """Latents ``[n, positions, dim]`` as tokens of this structure, ready to be decoded."""
        return Tokens(latents=latents.cpu().unflatten(1, self.grids[0]), **self._signal(len(latents)))

    def _signal(self, n: int) -> dict[str, Any]:
        """What tokens of n samples say of the signal."""
        lengths = torch.full((n,), self.signal_shape[-1]) if self.signal_rate else None
        return {"signal_shape": self.signal_shape, "signal_rate": self.signal_rate, "signal_lengths": lengths}


@dataclass(frozen=True)
class Size:
    """How large a backbone is.

    Attributes:
        width: channels of the transformer; a multiple of twice the heads.
        depth: layers.
        heads: attention heads.
        dropout: dropout of the attention weights in training.
    """

    width: int = 64
    depth: int = 2
    heads: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.heads) < 1 or self.width % (2 * self.heads):
            raise BenchError(
                f"width={self.width}, depth={self.depth}, heads={self.heads}: all must be positive, "
                "and the width a multiple of twice the heads"
            )


class Backbone(nn.Module, ABC):
    """A model of the tokens of one structure.

    An untrained backbone of codes is uniform: its heads begin at zero, so that each code costs exactly log K nats.

    Args:
        structure: structure of the tokens.
        size: size of the transformer.
        classes: number of classes it is conditioned on, as int64 ``[batch]``; 0 if it is unconditional.

    Attributes:
        bound: what ``log_likelihood`` is, in one line, if it is not exact; empty if it is.
        continues: whether it draws in order, so that it can continue a prompt of tokens.
        cached: whether keys and values are kept while sampling; None where there are none to keep.
        stepped: called without arguments after each step of drawing, so that steps can be timed.
    """

    bound: ClassVar[str] = ""
    continues: ClassVar[bool] = False
    cached: bool | None = None
    stepped: Callable[[], object] = staticmethod(nothing)
    CLASS_DROPOUT: ClassVar[float] = 0.1
    """Share of the training samples whose class is withheld, for guidance (Ho & Salimans 2022)."""

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        super().__init__()
        self.structure, self.size, self.classes = structure, size, classes
        # The last row stands for no class.
        self.conditions = nn.Embedding(classes + 1, size.width)
        nn.init.normal_(self.conditions.weight, std=0.02)

    @abstractmethod
    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood of each sample in nats, ``[batch]``, differentiable.

        Args:
            start: embedding of each sample's condition, ``[batch, width]``.
        """

    @abstractmethod
    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        """New samples, one per row of the noise.

        Args:
            start: embeddings of the conditions ``[n, width]``; for guidance, those of no condition after them.
        """

    def prepare(self, corpus: Corpus) -> None:
        """Take in what must be known of the training tokens before training, such as their scale."""

    def progress(self, share: float) -> None:
        """Called before each training step with the share of the training that is done, in [0, 1)."""

    @torch.no_grad()
    def generate(
        self,
        n: int,
        seed: int,
        conditions: torch.Tensor | None = None,
        sampling: Sampling = PLAIN,
        first: int = 0,
    ) -> Tokens:
        """``n`` new samples. What sample ``first + i`` becomes depends on the seed and that number alone.

        Raises:
            BenchError: ``n`` is not positive, or the conditions or the guidance do not fit.
        """
        with self._sampling(n, seed, conditions, sampling, first) as (start, noise):
            return self.draw(start, noise, sampling)

    def extend(
        self,
        prompt: Tokens,
        positions: int,
        seed: int,
        conditions: torch.Tensor | None = None,
        sampling: Sampling = PLAIN,
        first: int = 0,
    ) -> Tokens:
        """The prompts, sequences of equal length, continued by ``positions`` further positions of every level.

        Continuation ``first + i`` depends on its prompt, the seed and that number alone; that of an empty prompt
        is what :meth:`generate` gives. The signal that the tokens stand for is as long as the structure's, in
        proportion to the positions.

        Raises:
            BenchError: this paradigm does not draw in order, the tokens are grids, or conditions or guidance do
                not fit.
            TokenError: the prompts are not tokens of this structure, or differ in length.
        """
        raise BenchError(
            f"{type(self).__name__.lower()} does not draw in order, so it cannot continue prompts; "
            "use raster, depthwise or delay"
        )

    @contextmanager
    def _sampling(
        self, n: int, seed: int, conditions: torch.Tensor | None, sampling: Sampling, first: int
    ) -> Iterator[tuple[torch.Tensor, Noise]]:
        """Checked arguments of :meth:`draw`, with dropout off while they are used."""
        if n < 1:
            raise BenchError(f"n={n}: generate at least one sample")
        labels = self._labels(n, conditions)
        if sampling.guidance != 1:
            if conditions is None:
                raise BenchError("guidance needs conditions; give classes, or leave guidance at 1")
            labels = torch.cat([labels, torch.full_like(labels, self.classes)])
        with evaluating(self):
            yield self.conditions(labels), Noise(seed, first, n, self.device)

    def loss(self, tokens: Tokens, conditions: torch.Tensor | None = None) -> torch.Tensor:
        """Nats per token over the batch, to be minimized; classes are withheld at random, for guidance."""
        count = self._counts(tokens)
        start = self.conditions(self._withheld(tokens.batch_size, conditions))
        return self.nats(tokens, start).sum() / int(count.sum())

    def loss_of(self, examples: Examples) -> torch.Tensor:
        """The loss of samples that a corpus gives."""
        return self.loss(examples.tokens, examples.conditions)

    @torch.no_grad()
    def log_likelihood(self, tokens: Tokens, conditions: torch.Tensor | None = None) -> torch.Tensor:
        """Log-likelihood of each sample in nats, over all its tokens, float64 ``[batch]`` on the CPU."""
        self._counts(tokens)
        with evaluating(self):
            start = self.conditions(self._labels(tokens.batch_size, conditions))
            return -self.nats(tokens, start).double().cpu()

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self.conditions.weight.device

    def _counts(self, tokens: Tokens) -> torch.Tensor:
        """Number of tokens of each sample; TokenError unless they are of this backbone's structure."""
        latents = tokens.latents
        grids = tuple(tuple(code.shape[1:]) for code in tokens.codes)
        if latents is not None:
            grids = (tuple(latents.shape[1:-1]),)
        expected, counts = self.structure.grids, tokens.counts
        # A sequence may be longer or shorter than those the backbone was built for; a grid may not.
        fits = len(grids) == len(expected) and all(
            given == wanted or len(given) == len(wanted) == 1 for given, wanted in zip(grids, expected, strict=True)
        )
        if counts is None or not fits or (0 if latents is None else latents.shape[-1]) != self.structure.dim:
            raise TokenError(f"{tokens.kind} tokens of {grids} do not fit a backbone of {expected}")
        return counts

    def _withheld(self, batch: int, conditions: torch.Tensor | None) -> torch.Tensor:
        """Class of each sample, withheld from some of them in training."""
        labels = self._labels(batch, conditions)
        if not self.classes or not self.training:
            return labels
        drop = torch.rand(labels.shape, device=labels.device) < self.CLASS_DROPOUT
        return labels.masked_fill(drop, self.classes)

    def _labels(self, batch: int, conditions: torch.Tensor | None) -> torch.Tensor:
        """Class of each sample, the number of classes standing for none; BenchError if they do not fit."""
        if conditions is None:
            return torch.full((batch,), self.classes, device=self.device)
        if conditions.shape != (batch,) or conditions.dtype != torch.int64:
            raise BenchError(
                f"conditions are {conditions.dtype} {tuple(conditions.shape)}; give int64 [{batch}], a class per sample"
            )
        if batch and (int(conditions.min()) < 0 or int(conditions.max()) >= self.classes):
            raise BenchError(f"conditions outside the {self.classes} classes of this backbone")
        return conditions.to(self.device)


@contextmanager
def evaluating(backbone: nn.Module) -> Iterator[None]:
    """Context in which the backbone is in evaluation mode, without dropout."""
    training = backbone.training
    backbone.eval()
    try:
        yield
    finally:
        backbone.train(training)
