"""The training of an autoencoder with a bottleneck, and what is seen of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from bench.learning.autoencoder import Autoencoder
from bench.learning.training import Schedule, Watcher
from bench.quantizers.trained.base import Bottleneck
from bench.quantizers.trained.checks import require_coded

BASELINE_DECAY = 0.9
"""Share of the running mean of losses that a step keeps, from which a score function's gradient takes the advantage."""


class StudySchedule(Schedule):
    """How long bottlenecks are trained, and with which learning rates."""

    steps: int = Field(default=250, ge=1, description="updates of the weights")
    learning_rate: float = Field(default=3e-3, gt=0, description="highest learning rate, after the warm-up")
    weight_decay: float = Field(default=0.0, ge=0, description="weight decay of matrices; vectors do not decay")


class StudySettings(BaseModel):
    """How bottlenecks are trained: one network, one schedule and the same seeds for all that are compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schedule: StudySchedule = StudySchedule()
    batch: int = Field(default=8, ge=1, description="examples of a step")
    repeats: int = Field(default=4, ge=1, description="trainings, each with its own seed, whose mean is reported")
    fit_samples: int = Field(default=200, ge=1, description="the most training signals, evenly spaced in the fit split")
    looks: int = Field(default=10, ge=1, description="how often a training is looked at, evenly over its steps")
    looked_at: int = Field(default=128, ge=1, description="held-out examples that it is looked at with")


class Model(nn.Module):
    """An autoencoder with a bottleneck, as it is trained.

    Attributes:
        latents: the latents of the last step, with their gradient once it is known.
    """

    baseline: torch.Tensor

    def __init__(self, network: Autoencoder, bottleneck: Bottleneck) -> None:
        super().__init__()
        self.network, self.bottleneck = network, bottleneck
        self.register_buffer("baseline", torch.tensor(math.nan))
        self.latents: torch.Tensor | None = None
        self.codes: tuple[torch.Tensor, ...] = ()
        self.commitment = torch.zeros(())

    def progress(self, share: float) -> None:
        """Called before each step with the share of the training that is done."""
        self.bottleneck.progress(share)

    def loss(self, examples: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The loss of a step: of the reconstruction, and of the bottleneck."""
        latents = self.network.encode(examples)
        latents.retain_grad()
        coded = self.bottleneck(latents, generator)
        if self.latents is None:  # the first step shows what the others give
            require_coded(self.bottleneck, coded, latents)
        losses = self.network.losses(self.network.decode(coded.latents), examples)
        self.latents, self.codes, self.commitment = latents, coded.codes, coded.commitment
        loss: torch.Tensor = losses.mean() + coded.loss
        if coded.drawn is not None:
            loss = loss + (self._advantage(losses.detach()) * coded.drawn).mean()
        return loss

    def _advantage(self, losses: torch.Tensor) -> torch.Tensor:
        """How much worse each example is than the running mean of those before it (Williams 1992)."""
        mean = losses.mean()
        before = mean if self.baseline.isnan() else self.baseline
        self.baseline = torch.lerp(mean, before, BASELINE_DECAY)
        return losses - before


class Curves(Watcher):
    """Looks at a training, evenly over its steps: codes, losses and the encoder's gradient.

    Args:
        model: what is trained.
        held_out: examples that it is not trained on.
        schedule: its schedule.
        looks: how often it is looked at.

    Attributes:
        steps: numbers of updates after which it was looked at.
        rows: values by name, one per look.
        seconds: what the updates took, without the looks.
    """

    def __init__(self, model: Model, held_out: torch.Tensor, schedule: Schedule, looks: int) -> None:
        self.model, self.held_out = model, held_out
        self.at = {max(1, round(schedule.steps * look / looks)) for look in range(1, looks + 1)}
        self.steps: list[int] = []
        self.rows: dict[str, list[float]] = {}
        self.chosen = [torch.zeros(size, dtype=torch.bool) for size in model.bottleneck.sizes]
        self.seconds, self.timed = 0.0, 0
        self._since = time.perf_counter()

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "rows": self.rows, "chosen": self.chosen}

    def restore(self, state: dict[str, Any]) -> None:
        if state:
            self.steps, self.rows = state["steps"], state["rows"]
            self.chosen = [chosen.cpu() for chosen in state["chosen"]]  # read back on the device of the weights

    def after(self, step: int, generator: torch.Generator) -> None:
        self.model.bottleneck.upkeep(generator)
        for chosen, codes in zip(self.chosen, self.model.codes, strict=True):
            used = codes.detach().flatten().cpu().unique()
            chosen[used[used >= 0]] = True
        self.seconds += time.perf_counter() - self._since
        self.timed += 1
        if step in self.at:
            self._look(step)
        self._since = time.perf_counter()

    @torch.no_grad()
    def _look(self, step: int) -> None:
        model = self.model
        model.eval()
        latents = model.network.encode(self.held_out)
        codes = model.bottleneck.encode(latents) if model.bottleneck.sizes else ()
        coded = model.bottleneck.decode(codes) if codes else latents
        loss = model.network.losses(model.network.decode(coded), self.held_out).mean()
        model.train()
        row = {"loss": float(loss)}
        if codes:
            counts = [
                torch.bincount(level.flatten(), minlength=size).double()
                for level, size in zip(codes, model.bottleneck.sizes, strict=True)
            ]
            row |= {
                "utilization": _mean([float((count > 0).double().mean()) for count in counts]),
                "perplexity": _mean([perplexity(count) for count in counts]),
                "dead_codes": 1 - _mean([float(chosen.double().mean()) for chosen in self.chosen]),
                "quantization_error": float((coded - latents).square().sum() / latents.square().sum()),
                "commitment_distance": float(model.commitment),
            }
        if model.latents is not None and model.latents.grad is not None:
            row["encoder_gradient"] = float(model.latents.grad.square().sum().sqrt())
        self.chosen = [torch.zeros_like(chosen) for chosen in self.chosen]
        self.steps.append(step)
        for name, value in row.items():
            self.rows.setdefault(name, []).append(value)


def perplexity(counts: torch.Tensor) -> float:
    """exp of the entropy of codes with such counts ``[size]``."""
    shares = counts / counts.sum()
    return float(torch.special.entr(shares).sum().exp())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
