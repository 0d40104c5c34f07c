"""Denoising diffusion of one token: the schedule, its bound of the likelihood, and the network that predicts noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

STEPS = 1000
NOTHING_LEFT = 1e-4
FREQUENCIES = 256

Noisy = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Function from tokens ``[..., dim]`` at levels ``[...]`` to the noise predicted in them."""


class Schedule:
    """DDPM (Ho et al. 2020) with the cosine schedule of a thousand steps (Nichol & Dhariwal 2021), of diffusers.

    Levels at which less than 1e-4 of the variance is signal are left out: the schedule reaches 0 there, so each of
    its last steps back would multiply an error of the predicted noise by up to 32. Beginning at noise instead costs
    less than 1e-4 nats per dimension, which the bound counts.

    A step back from level t draws from a Gaussian whose variance is β_t, that of data of variance 1.

    Attributes:
        kept: share of the variance that is signal (ᾱ) at each level, falling, float64 ``[levels]``.
        weights: nats that a squared error of the predicted noise costs at each level, float64 ``[levels]``.
        constant: nats per dimension that no prediction can save.
    """

    def __init__(self) -> None:
        from diffusers.schedulers.scheduling_ddpm import betas_for_alpha_bar

        kept = torch.cumprod(1 - betas_for_alpha_bar(STEPS).double(), 0)
        self.kept = kept[kept >= NOTHING_LEFT]
        before = torch.cat([torch.ones(1, dtype=torch.float64), self.kept[:-1]])
        alphas = self.kept / before
        betas = 1 - alphas
        # KL of two Gaussians with variances β̃ and β (Ho et al. 2020, eq. 8), and of the first level the entropy
        # of what is drawn last (eq. 13, without its bins).
        self.weights = betas / (2 * alphas * (1 - self.kept))
        ratio = ((1 - before) / (1 - self.kept))[1:]
        self.constant = float(math.log(2 * math.pi * betas[0]) + (ratio - 1 - ratio.log()).sum()) / 2

    def noisy(self, clean: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """Tokens ``[..., dim]`` with noise ``[..., dim]`` added at levels ``[...]``."""
        kept = self.kept.to(clean.device)[levels][..., None]
        return (kept.sqrt() * clean + (1 - kept).sqrt() * noise).to(clean)

    def prior(self, clean: torch.Tensor) -> torch.Tensor:
        """KL of the last level from pure noise in nats, float64 ``[...]`` (eq. 7)."""
        left = self.kept[-1]
        parts = left * clean.double() ** 2 - left - torch.log1p(-left)
        return parts.sum(-1) / 2

    def drawn(self, uniform: torch.Tensor) -> torch.Tensor:
        """Levels drawn in proportion to their weights, which minimizes the bound's variance, from float64 in [0, 1)."""
        cumulative = self.weights.cumsum(0)
        return torch.searchsorted(cumulative, uniform * cumulative[-1], right=True).clamp(max=len(self.kept) - 1)

    def bound(self, predict: Noisy, clean: torch.Tensor, levels: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """An unbiased estimate of the bound of ``-log p(clean)`` in nats, float64 ``[...]`` (eq. 5).

        Args:
            clean: tokens ``[..., dim]`` of variance about 1.
            levels: drawn by :meth:`drawn`, ``[...]``.
            noise: standard normal ``[..., dim]``.
        """
        predicted = predict(self.noisy(clean, noise, levels), levels)
        error = (noise.double() - predicted.double()).pow(2).sum(-1)
        # The predictable part of the error's variance is what the noise's own length has too much or too little;
        # that of data of variance 1 is ᾱ² of it.
        share = self.kept.to(error.device)[levels] ** 2
        error = error - share * (noise.double().pow(2).sum(-1) - clean.shape[-1])
        total = self.weights.sum() * error + clean.shape[-1] * self.constant
        return total + self.prior(clean)

    def sample(
        self, predict: Noisy, steps: int, normal: Callable[[], torch.Tensor], temperature: float = 1.0
    ) -> torch.Tensor:
        """New tokens in so many steps at equal distances (Nichol & Dhariwal 2021, §4; Ho et al. 2020, algorithm 2).

        Args:
            normal: function that returns new standard normal numbers ``[..., dim]`` at every call.
            temperature: the noise of every step but the first is multiplied by it.
        """
        chosen = torch.linspace(len(self.kept) - 1, 0, min(steps, len(self.kept))).round().long().tolist()
        token = normal()
        for level, following in zip(chosen, [*chosen[1:], None], strict=True):
            kept, after = float(self.kept[level]), 1.0 if following is None else float(self.kept[following])
            beta = 1 - kept / after
            predicted = predict(token, torch.full(token.shape[:-1], level, device=token.device))
            token = (token - beta / math.sqrt(1 - kept) * predicted) / math.sqrt(1 - beta)
            if following is not None:
                token = token + temperature * math.sqrt(beta) * normal()
        return token


class Denoiser(nn.Module):
    """The small MLP of MAR (Li et al. 2024, §4.2): residual blocks, each modulated by the time and the condition.

    It begins by predicting no noise at all.

    Args:
        dim: dimensions of a token.
        width: width of the condition and of the blocks.
        blocks: number of residual blocks; 3 in the paper.
    """

    def __init__(self, dim: int, width: int, blocks: int = 3) -> None:
        super().__init__()
        from diffusers.models.embeddings import TimestepEmbedding, Timesteps

        self.times = nn.Sequential(
            Timesteps(FREQUENCIES, flip_sin_to_cos=True, downscale_freq_shift=0),
            TimestepEmbedding(FREQUENCIES, width),
        )
        self.condition = nn.Linear(width, width)
        self.inlet = nn.Linear(dim, width)
        self.blocks = nn.ModuleList(Modulated(width) for _ in range(blocks))
        self.modulation = _modulation(width, 2)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.outlet = nn.Linear(width, dim)
        nn.init.zeros_(self.outlet.weight)
        nn.init.zeros_(self.outlet.bias)

    def forward(self, tokens: torch.Tensor, levels: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """The noise in tokens ``[..., dim]`` at levels ``[...]``, given conditions ``[..., width]``."""
        times = self.times(levels.flatten()).unflatten(0, levels.shape)
        given = times + self.condition(condition)
        state = self.inlet(tokens)
        for block in self.blocks:
            state = block(state, given)
        shift, scale = self.modulation(given).chunk(2, -1)
        noise: torch.Tensor = self.outlet(self.norm(state) * (1 + scale) + shift)
        return noise


class Modulated(nn.Module):
    """A residual block with adaptive layer norm (Peebles & Xie 2023): it begins as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = _modulation(width, 3)

    def forward(self, state: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """The next state ``[..., width]`` of a state ``[..., width]``, modulated by ``given`` ``[..., width]``."""
        shift, scale, gate = self.modulation(given).chunk(3, -1)
        changed: torch.Tensor = state + gate * self.layers(self.norm(state) * (1 + scale) + shift)
        return changed


def _modulation(width: int, parts: int) -> nn.Sequential:
    """A layer from the condition to ``parts`` vectors, zero at first."""
    linear = nn.Linear(width, parts * width)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(nn.SiLU(), linear)
