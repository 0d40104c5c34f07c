"""Masked codes, predicted in parallel in a few steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import torch

from bench.backbones.base import Backbone, Size, Structure
from bench.backbones.layers import Head, Places, Trunk, embedding
from bench.backbones.sampling import Noise, Sampling, draw, guided, probabilities
from bench.contracts.tokens import Tokens
from bench.errors import BenchError

ORDER_SEED = 0


def masks_of_all_sizes(count: int, masks: int) -> Iterator[torch.Tensor]:
    """Masks of 1 to ``count`` positions, bool ``[count]``, whose sizes are spread evenly; the same in every call.

    The mean over them of ``count / size`` times the nats of the masked codes estimates the bound of ``Masked``.
    """
    generator = torch.Generator().manual_seed(ORDER_SEED)
    for index in range(masks):
        # One size from each of as many equal parts of 1 .. N, so that the sizes are uniform together.
        place = (index + float(torch.rand((), generator=generator))) / masks
        hidden = torch.zeros(count, dtype=torch.bool)
        hidden[torch.randperm(count, generator=generator)[: int(place * count) + 1]] = True
        yield hidden


class Masked(Backbone):
    """p(masked codes | the others, class), for any mask: MaskGIT (Chang et al. 2022) over one codebook.

    Trained on masks of ``⌈cos(πr/2)·N⌉`` of the N codes, r uniform (§3.1). Decoding (§3.2) begins with all codes
    masked; each step draws every masked code, keeps the most confident ones and leaves ``⌈cos(π/2·t/T)·N⌉`` masked.
    The confidence is the log-probability of the drawn code plus Gumbel noise whose temperature falls to 0 with
    the steps. Keeping what is likely favors it: for draws that follow the model's own conditionals set ``steps``
    to N or more and ``choice`` to infinity, which reveals one code after the other in a random order.

    The likelihood of an order-agnostic model is bounded by its mean over orders (Hoogeboom et al. 2022, eq. 4):
    ``-log p(x) ≤ Σ_k 1/k E_masks of k codes [Σ_masked -log p(code | unmasked)]``.

    Attributes:
        steps: number of decoding steps.
        choice: temperature of the Gumbel noise at the first step.
        masks: masks that the bound is estimated by, spread evenly over their sizes; the same for every sample.
    """

    bound: ClassVar[str] = "upper bound of the negative log-likelihood: mean over random orders, estimated by 32 masks"
    steps = 12
    choice = 4.5
    masks = 32

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        if len(structure.sizes) != 1:
            raise BenchError(f"masked prediction models one codebook, not {len(structure.sizes)}; use depthwise")
        super().__init__(structure, size, classes)
        (self.codes,), (positions,) = structure.sizes, structure.positions
        # The last row is the mask.
        self.embedding = embedding(self.codes + 1, size.width)
        self.places = Places(structure.grids[0], size.width)
        self.trunk = Trunk(size, positions + 1)
        self.head = Head(size.width, self.codes)

    def loss(self, tokens: Tokens, conditions: torch.Tensor | None = None) -> torch.Tensor:
        """Nats per masked code, the objective of the paper: not the bound, which weighs small masks more."""
        self._counts(tokens)
        codes = self._flat(tokens)
        batch, count = codes.shape
        ratio = torch.rand(batch, 1, device=self.device)
        amount = torch.ceil(torch.cos(ratio * math.pi / 2) * count).clamp(min=1)
        hidden = torch.rand(batch, count, device=self.device).argsort(1).argsort(1) < amount
        states = self._states(codes, hidden, self.conditions(self._withheld(batch, conditions)))
        return self.head.nats(states[hidden], codes[hidden]).mean()

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        codes = self._flat(tokens)
        batch, count = codes.shape
        total = torch.zeros(batch, device=self.device, dtype=torch.float64)
        for hidden in masks_of_all_sizes(count, self.masks):
            amount = int(hidden.sum())
            chosen = hidden.to(self.device).expand(batch, -1)
            states = self._states(codes, chosen, start)
            costs = self.head.nats(states[chosen].view(batch, amount, -1), codes[chosen].view(batch, amount))
            total = total + costs.sum(1) * (count / amount / self.masks)
        return total

    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        count, n = self.structure.positions[0], len(noise)
        copies = len(start) // n
        codes = torch.full((n, count), self.codes, device=self.device)
        left = count
        for step in range(min(self.steps, count)):
            hidden = codes == self.codes
            states = self._states(codes.repeat(copies, 1), hidden.repeat(copies, 1), start)
            logits = self.head(states)
            chances = probabilities(guided(logits, sampling.guidance) if copies > 1 else logits, sampling)
            drawn = draw(chances, noise.uniform(count))
            left = self._left(step + 1, count, left)
            order = self._confidence(chances, drawn, noise, step).masked_fill(~hidden, math.inf).argsort(1).argsort(1)
            codes = torch.where(hidden & (order >= left), drawn, codes)
            self.stepped()
        return self.structure.tokens([codes])

    def _left(self, step: int, count: int, before: int) -> int:
        """Codes still masked after a step: fewer than before, by the cosine schedule, none after the last."""
        steps = min(self.steps, count)
        planned = math.ceil(math.cos(math.pi / 2 * step / steps) * count) if step < steps else 0
        # Each later step needs one code at least.
        return max(min(planned, before - 1), steps - step) if step < steps else 0

    def _confidence(self, chances: torch.Tensor, drawn: torch.Tensor, noise: Noise, step: int) -> torch.Tensor:
        gumbel = -torch.log(-torch.log(noise.uniform(drawn.shape[1]).clamp(1e-300, 1 - 1e-16)))
        if math.isinf(self.choice):
            return gumbel
        temperature = self.choice * (1 - (step + 1) / min(self.steps, drawn.shape[1]))
        confidence: torch.Tensor = chances.gather(-1, drawn[..., None])[..., 0].log() + temperature * gumbel
        return confidence

    def _states(self, codes: torch.Tensor, hidden: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Hidden states of all positions ``[batch, positions, width]``, the hidden codes replaced by the mask."""
        count = codes.shape[1]
        shown = self.embedding(codes.masked_fill(hidden, self.codes)) + self.places(count)
        everything = torch.ones(1, 1, count + 1, count + 1, dtype=torch.bool, device=self.device)
        states: torch.Tensor = self.trunk(torch.cat([start[:, None], shown], dim=1), mask=everything)
        return states[:, 1:]

    def _flat(self, tokens: Tokens) -> torch.Tensor:
        codes = tokens.codes[0].flatten(1).to(self.device)
        if bool((tokens.positions(0) < codes.shape[1]).any()):
            raise BenchError("masked prediction takes sequences of one length; use raster")
        return codes
