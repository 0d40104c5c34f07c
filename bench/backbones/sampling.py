"""From logits to codes: temperature, top-k, top-p, guidance, and draws that do not depend on the batch."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import BenchError


@dataclass(frozen=True)
class Sampling:
    """How codes are drawn; the defaults draw from the model's own distribution.

    Attributes:
        temperature: the logits are divided by it; 0 takes the likeliest code.
        top_k: only the k likeliest codes; 0 takes all.
        top_p: only the likeliest codes that together reach this probability (Holtzman et al. 2020).
        guidance: scale s of classifier-free guidance, logits ``u + s·(c - u)`` of the conditional and the
            unconditional model (Ho & Salimans 2022); 1 means no guidance.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise BenchError(
                f"temperature={self.temperature}, top_k={self.top_k}, top_p={self.top_p}: the temperature and top_k "
                "are 0 or more, top_p above 0 and at most 1"
            )


class SamplingSettings(BaseModel):
    """How codes are drawn, as a task's protocol states it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=1.0, ge=0, description="the logits are divided by it; 0 takes the likeliest")
    top_k: int = Field(default=0, ge=0, description="only the k likeliest codes; 0 takes all")
    top_p: float = Field(default=1.0, gt=0, le=1, description="only the likeliest codes that reach it together")

    @property
    def sampling(self) -> Sampling:
        """These settings as a backbone takes them."""
        names = [field.name for field in fields(Sampling)]
        return Sampling(**{name: value for name, value in self if name in names})


class GuidedSamplingSettings(SamplingSettings):
    """Settings of sampling with conditions, such as the classes of a probe."""

    guidance: float = Field(default=1.0, ge=0, description="scale of classifier-free guidance; 1 is none")


def guided(logits: torch.Tensor, scale: float) -> torch.Tensor:
    """Guided logits ``[n, ...]`` from those of conditional samples followed by unconditional ones, ``[2n, ...]``."""
    conditional, unconditional = logits.chunk(2)
    return unconditional + scale * (conditional - unconditional)


def probabilities(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Probabilities float64 ``[..., codes]`` of codes after temperature, top-k and top-p, in this order."""
    from transformers.generation.logits_process import TopKLogitsWarper, TopPLogitsWarper

    scores = logits.double()
    if sampling.temperature == 0:
        return torch.nn.functional.one_hot(scores.argmax(-1), scores.shape[-1]).double()
    flat = (scores / sampling.temperature).flatten(0, -2)
    if sampling.top_k:
        flat = TopKLogitsWarper(sampling.top_k)(None, flat)
    if sampling.top_p < 1:
        flat = TopPLogitsWarper(sampling.top_p)(None, flat)
    return flat.softmax(-1).view_as(scores)


def draw(chances: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Codes ``[...]`` by inversion of the cumulative distribution at ``uniform`` in [0, 1).

    Args:
        chances: float64 ``[..., codes]``.
        uniform: float64 ``[...]``.
    """
    cumulative = chances.cumsum(-1)
    # Rounding may leave the last sum a little off 1, so the uniform number is stretched with it.
    target = uniform.to(cumulative)[..., None] * cumulative[..., -1:]
    codes = torch.searchsorted(cumulative.contiguous(), target.contiguous(), right=True)[..., 0]
    last = chances.shape[-1] - 1 - (chances > 0).flip(-1).int().argmax(-1)
    return torch.minimum(codes, last)


def sample(logits: torch.Tensor, sampling: Sampling, uniform: torch.Tensor) -> torch.Tensor:
    """Codes ``[...]`` from logits ``[..., codes]``, guided first where there are twice as many."""
    if sampling.guidance != 1:
        logits = guided(logits, sampling.guidance)
    return draw(probabilities(logits, sampling), uniform)


class Noise:
    """Random numbers of samples ``first`` to ``first + n - 1``.

    Each sample has a generator of its own, so that what it becomes does not depend on how samples are batched.
    """

    def __init__(self, seed: int, first: int, n: int, device: torch.device) -> None:
        self.generators = [np.random.default_rng([seed, index]) for index in range(first, first + n)]
        self.device = device

    def __len__(self) -> int:
        return len(self.generators)

    def uniform(self, *shape: int) -> torch.Tensor:
        """Numbers in [0, 1), float64 ``[n, *shape]``."""
        return torch.from_numpy(np.stack([generator.random(shape) for generator in self.generators])).to(self.device)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers, float32 ``[n, *shape]``."""
        rows = [generator.standard_normal(shape, dtype=np.float32) for generator in self.generators]
        return torch.from_numpy(np.stack(rows)).to(self.device)
