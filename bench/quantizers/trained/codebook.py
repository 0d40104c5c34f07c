"""A codebook that is trained: codewords, the estimator of the encoder's gradient, and a remedy against collapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import BenchError, number_from_zero
from bench.quantizers.estimators.base import Estimator, estimator_of
from bench.quantizers.remedies.base import Remedy, remedy_of

Update = Literal["loss", "ema"]
DECAY = 0.99
"""Share of the running averages that a step keeps where codewords are updated by them (van den Oord et al. 2017)."""
SMOOTHING = 1e-5
"""Added to the count of each codeword, which may be zero."""


@dataclass(frozen=True)
class Recipe:
    """How the codebooks of a bottleneck are trained.

    Attributes:
        estimator: how the encoder gets its gradient (``bench list estimators``).
        remedy: what is done against collapse (``bench list remedies``).
        update: how codewords follow what is assigned to them: by the gradient of the codebook loss, or by
            exponential moving averages.
        commitment: weight of the commitment loss.

    Raises:
        BenchError: ``update`` is neither, or ``commitment`` not a number from zero on.
    """

    estimator: str = "straight-through"
    remedy: str = "none"
    update: Update = "loss"
    commitment: float = 0.25

    def __post_init__(self) -> None:
        if self.update not in get_args(Update):
            raise BenchError(f"update={self.update}: codewords are updated by {' or '.join(get_args(Update))}")
        number_from_zero("commitment", self.commitment)


@dataclass(frozen=True)
class Looked:
    """What a codebook makes of vectors in training; the fields are those of ``Coded`` for ``[n, dim]`` vectors."""

    vectors: torch.Tensor
    codes: torch.Tensor
    loss: torch.Tensor
    commitment: torch.Tensor
    drawn: torch.Tensor | None = None


class Codebook(nn.Module):
    """``size`` codewords of ``dim`` dimensions, each vector to the nearest (survey §2.1, eqs. 9 and 10).

    What is not said by the estimator and the remedy is as in VQ-VAE (van den Oord et al. 2017, arXiv 1711.00937):
    codewords begin uniform within ±1/size, and eq. 1 of the survey is the loss.

    Attributes:
        weight: the codewords as they are stored, ``[size, dimensions that the remedy works in]``.
    """

    counts: torch.Tensor
    sums: torch.Tensor

    def __init__(self, size: int, dim: int, recipe: Recipe) -> None:
        super().__init__()
        self.size, self.dim, self.recipe = size, dim, recipe
        self.estimator: Estimator = estimator_of(recipe.estimator)
        self.remedy: Remedy = remedy_of(recipe.remedy, size, dim)
        if self.remedy.carries and recipe.estimator != Recipe.estimator:
            raise BenchError(
                f"remedy {recipe.remedy} brings its own gradient estimator; leave out estimator={recipe.estimator}"
            )
        averaged = recipe.update == "ema"
        if averaged and not self.remedy.averages:
            raise BenchError(f"remedy {recipe.remedy} does not average codewords; leave out update=ema")
        if not self.remedy.commits and recipe.commitment != Recipe.commitment:
            raise BenchError(
                f"remedy {recipe.remedy} has a loss of its own in place of the commitment loss; leave out "
                f"commitment={recipe.commitment}"
            )
        weight = (torch.rand(size, self.remedy.dim) * 2 - 1) / size
        self.weight = nn.Parameter(weight, requires_grad=self.remedy.learned and not averaged)
        if averaged:
            self.register_buffer("counts", torch.ones(size))
            self.register_buffer("sums", weight.clone())
        self._assigned: list[tuple[torch.Tensor, torch.Tensor]] = []

    def start(self, vectors: torch.Tensor, generator: torch.Generator) -> None:
        """Called once before training with vectors ``[n, dim]`` of the untrained encoder."""
        with torch.no_grad():
            self.remedy.start(self.weight, self.remedy.taken(vectors), generator)
            if self.recipe.update == "ema":
                self.counts.fill_(1.0)
                self.sums.copy_(self.weight)

    def progress(self, share: float) -> None:
        """Called before each training step with the share of the training that is done, in [0, 1)."""
        self._assigned.clear()
        self.estimator.progress(share)
        self.remedy.progress(share)

    def forward(
        self, vectors: torch.Tensor, generator: torch.Generator, committing: torch.Tensor | None = None
    ) -> Looked:
        """Vectors ``[n, dim]`` of a training step, looked up; a step may look up several times in one codebook.

        Args:
            generator: on the processor; everything random comes from it.
            committing: the same values, if losses shall reach the encoder on another way than the reconstruction's
                gradient.
        """
        taken = self.remedy.taken(vectors)
        words = self.remedy.codewords(self.weight)
        logits = self.remedy.logits(taken, words)
        if self.remedy.carries:
            carried = self.remedy.carry(taken, words, logits, generator)
        else:
            carried = self.estimator.forward(taken, words, logits, generator)
        chosen = words[carried.codes]
        towards, asked = taken, logits
        if committing is not None:
            towards = self.remedy.taken(committing)
            if type(self.remedy).loss is not Remedy.loss:  # else nobody looks at them
                asked = self.remedy.logits(towards, words)
        distance = F.mse_loss(towards, chosen.detach())
        loss = self.recipe.commitment * distance
        if self.recipe.update == "loss":
            loss = loss + F.mse_loss(chosen, towards.detach())
        loss = self.remedy.loss(loss, towards, words, asked, carried)
        self._assigned.append((taken.detach(), carried.codes))
        return Looked(self.remedy.given(carried.vectors), carried.codes, loss, distance.detach(), carried.drawn)

    @torch.no_grad()
    def upkeep(self, generator: torch.Generator) -> None:
        """Move codewords after an update of the weights, with what was assigned to them in the last step."""
        if not self._assigned:
            return
        vectors, codes = map(torch.cat, zip(*self._assigned, strict=True))
        self._assigned.clear()
        if self.recipe.update == "ema":
            self._average(vectors, codes)
        moved = self.remedy.upkeep(self.weight, vectors, codes, generator)
        if self.recipe.update == "ema" and moved is not None:
            self.counts[moved] = 1.0
            self.sums[moved] = self.weight[moved]

    def _average(self, vectors: torch.Tensor, codes: torch.Tensor) -> None:
        """Exponential moving averages of counts and sums (survey §2.1.3, eqs. 11 to 13)."""
        counts = torch.bincount(codes, minlength=self.size).to(self.counts)
        sums = torch.zeros_like(self.sums).index_add_(0, codes, vectors.to(self.sums))
        self.counts.lerp_(counts, 1 - DECAY)
        self.sums.lerp_(sums, 1 - DECAY)
        self.weight.copy_(self.sums / (self.counts + SMOOTHING)[:, None])

    @torch.no_grad()
    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Codes int64 ``[n]`` of vectors ``[n, dim]``, without anything random."""
        codes: torch.Tensor = self.remedy.logits(self.remedy.taken(vectors), self.codewords).argmax(1)
        return codes

    @property
    def codewords(self) -> torch.Tensor:
        """The codewords that vectors are compared with, ``[size, dimensions that the remedy works in]``."""
        return self.remedy.codewords(self.weight)

    @torch.no_grad()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Vectors ``[n, dim]`` of codes ``[n]``."""
        return self.remedy.given(self.codewords[codes])
