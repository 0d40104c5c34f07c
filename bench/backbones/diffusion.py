"""Masked autoregression over continuous tokens, each drawn by diffusion."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from bench.backbones.base import Backbone, Size, Structure
from bench.backbones.corpus import Corpus
from bench.backbones.denoising import Denoiser, Schedule
from bench.backbones.latents import Standard, reject_truncation
from bench.backbones.layers import Places, Trunk
from bench.backbones.sampling import Noise, Sampling, guided
from bench.contracts.tokens import Tokens
from bench.errors import BenchError

BOUND_SEED = 0


class Diffusion(Backbone):
    """p(masked tokens | the others, class), each token by diffusion: MAR (Li et al. 2024).

    An encoder sees the class and the known tokens, a decoder these and a mask for each other one (§4.3); the
    decoder's output for a masked token conditions a small network that removes noise from it (§3.2). Here both are one
    kind of transformer, the depth shared between them. Trained on masks of most of the tokens, four noises each.
    Decoding takes a random order, several tokens per step by the cosine schedule; guidance s rises with the share of
    known tokens from 1 to s and moves the predicted noise; the temperature multiplies the noise of every step of the
    diffusion.

    There is no exact likelihood, but a bound: over orders that of Hoogeboom et al. (2022, eq. 4), for each token that
    of Ho et al. (2020, eq. 5), both estimated by numbers that are the same for every sample. It is a density of the
    latents in nats, which has no bounds of its own. What a sample becomes depends on its batch by rounding alone.

    Attributes:
        ratios: masked shares in training: the least, and the standard deviation of the half of a Gaussian that ends
            at 1, as the paper has them. The bound asks of smaller masks too, which are less well known then.
        steps: of decoding.
        diffusion_steps: of each token in it.
        masks: masks that the bound is estimated by, spread evenly over their sizes.
        noises: noises of each token of each mask.
    """

    packages = ("diffusers",)
    bound: ClassVar[str] = (
        "upper bound of the negative log-likelihood: mean over random orders and levels of noise, "
        "estimated by 32 masks of 4 noises"
    )
    ratios = (0.7, 0.25)
    steps = 64
    diffusion_steps = 100
    masks = 32
    noises = 4

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        super().__init__(structure, size, classes)
        self.standard = Standard(structure, "diffusion")
        (positions,), grid, width = structure.positions, structure.grids[0], size.width
        self.embedding = nn.Linear(structure.dim, width)
        self.masked = nn.Parameter(0.02 * torch.randn(width))
        self.known_places, self.places = Places(grid, width), Places(grid, width)
        half = max(1, size.depth // 2)
        self.encoder = Trunk(size, positions + 1, half)
        self.decoder = Trunk(size, positions + 1, max(1, size.depth - half))
        self.denoiser = Denoiser(structure.dim, width)
        self.schedule = Schedule()

    def prepare(self, corpus: Corpus) -> None:
        self.standard.fit(corpus)

    def loss(self, tokens: Tokens, conditions: torch.Tensor | None = None) -> torch.Tensor:
        """Mean squared error of the predicted noise, the objective of the paper; it is not in nats."""
        self._counts(tokens)
        latents = self._flat(tokens)
        batch, count = latents.shape[:2]
        least, deviation = self.ratios
        share = torch.empty(batch, 1, device=self.device)
        nn.init.trunc_normal_(share, 1.0, deviation, least, 1.0)
        hidden = torch.rand(batch, count, device=self.device).argsort(1).argsort(1) < torch.ceil(share * count)
        known = self._states(latents, hidden, self.conditions(self._withheld(batch, conditions)))[hidden]
        clean, known = latents[hidden].repeat(self.noises, 1), known.repeat(self.noises, 1)
        levels = torch.randint(len(self.schedule.kept), clean.shape[:1], device=self.device)
        noise = torch.randn_like(clean)
        predicted = self.denoiser(self.schedule.noisy(clean, noise, levels), levels, known)
        error: torch.Tensor = (noise - predicted).pow(2).mean()
        return error

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        latents = self._flat(tokens)
        batch, count, dim = latents.shape
        generator = torch.Generator().manual_seed(BOUND_SEED)
        total = torch.zeros(batch, device=self.device, dtype=torch.float64)
        for index in range(self.masks):
            # One size from each of as many equal parts of 1 .. N, so that the sizes are uniform together.
            place = (index + float(torch.rand((), generator=generator))) / self.masks
            amount = int(place * count) + 1
            hidden = torch.zeros(count, dtype=torch.bool)
            hidden[torch.randperm(count, generator=generator)[:amount]] = True
            chosen = hidden.to(self.device).expand(batch, -1)
            known = self._states(latents, chosen, start)[chosen].view(batch, amount, -1)
            clean = latents[chosen].view(batch, amount, dim)
            # Levels in equal parts of their distribution likewise, dealt out to the tokens and their noises.
            parts = self.noises * amount
            uniform = torch.randperm(parts, generator=generator) + torch.rand(parts, generator=generator).double()
            levels = self.schedule.drawn(uniform / parts).view(self.noises, amount)
            noise = torch.randn(self.noises, amount, dim, generator=generator)
            for level, sample in zip(levels.to(self.device), noise.to(self.device), strict=True):
                costs = self.schedule.bound(
                    lambda noisy, at: self.denoiser(noisy, at, known),  # noqa: B023 - called at once
                    clean,
                    level.expand(batch, -1),
                    sample.expand(batch, -1, -1),
                )
                total = total + costs.sum(1) * (count / amount / self.masks / self.noises)
        return total + count * self.standard.log_scale

    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        reject_truncation("diffusion", sampling)
        count, n, dim = self.structure.positions[0], len(noise), self.structure.dim
        copies, steps = len(start) // n, min(self.steps, count)
        latents = torch.zeros(n, count, dim, device=self.device)
        order = noise.uniform(count).argsort(1)
        left = count
        for step in range(1, steps + 1):
            # What is planned, but something at every step, and enough for the steps that follow.
            planned = math.floor(math.cos(math.pi / 2 * step / steps) * count)
            after = max(min(planned, left - 1), steps - step) if step < steps else 0
            hidden = torch.zeros(n, count, dtype=torch.bool, device=self.device).scatter(1, order[:, :left], True)
            states = self._states(latents.repeat(copies, 1, 1), hidden.repeat(copies, 1), start)
            turn = order[:, after:left]
            known = states.gather(1, turn.repeat(copies, 1)[..., None].expand(-1, -1, states.shape[-1]))
            scale = 1 + (sampling.guidance - 1) * (count - after) / count
            drawn = self._diffused(known, noise, scale, sampling.temperature)
            latents = latents.scatter(1, turn[..., None].expand(-1, -1, dim), drawn)
            left = after
            self.stepped()
        return self.structure.continuous(self.standard.undo(latents))

    def _diffused(self, known: torch.Tensor, noise: Noise, scale: float, temperature: float) -> torch.Tensor:
        """Tokens ``[n, amount, dim]`` drawn given ``known`` ``[n, amount, width]``, or ``[2n, ...]`` for guidance."""
        copies = len(known) // len(noise)

        def predict(tokens: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
            predicted: torch.Tensor = self.denoiser(tokens.repeat(copies, 1, 1), levels.repeat(copies, 1), known)
            return guided(predicted, scale) if copies > 1 else predicted

        shape = (known.shape[1], self.structure.dim)
        return self.schedule.sample(predict, self.diffusion_steps, lambda: noise.normal(*shape), temperature)

    def _states(self, latents: torch.Tensor, hidden: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Hidden states of all positions ``[batch, positions, width]``, none of which saw a hidden token."""
        batch, count = hidden.shape
        visible = torch.cat([torch.ones(batch, 1, dtype=torch.bool, device=self.device), ~hidden], dim=1)
        sees = visible[:, None, None, :].expand(batch, 1, count + 1, count + 1)
        known = self.embedding(latents) + self.known_places(count)
        encoded = self.encoder(torch.cat([start[:, None], known], dim=1), mask=sees)
        placed = torch.cat([start.new_zeros(1, encoded.shape[-1]), self.places(count)])
        shown = torch.where(visible[..., None], encoded, self.masked) + placed
        states: torch.Tensor = self.decoder(shown, mask=torch.ones_like(sees))
        return states[:, 1:]

    def _flat(self, tokens: Tokens) -> torch.Tensor:
        latents: torch.Tensor = self.standard(tokens)
        if bool((tokens.positions(0) < latents.shape[1]).any()):
            raise BenchError("diffusion takes sequences of one length; use mixture")
        return latents
