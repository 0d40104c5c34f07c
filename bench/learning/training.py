"""Training of backbones from scratch on a fixed budget, with the same numbers whether it was interrupted or not."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from bench.contracts.task import Report
from bench.machine.canonical import write_atomic

CHECKPOINT_SECONDS = 20.0
"""Seconds between two checkpoints."""
ABANDONED_SECONDS = 30 * 86400.0
"""Seconds without a write after which a checkpoint counts as abandoned."""
BETAS = (0.9, 0.95)
"""AdamW's decay rates of the two moments."""

Loss = Callable[[torch.Generator], torch.Tensor]
"""A function that draws the batch of a step with the step's generator and returns its loss, a scalar with gradient."""


class Trained(Protocol):
    """What is trained: a module that hears how far the training is."""

    def progress(self, share: float) -> None:
        """Called before each step with the share of the training that is done, in [0, 1)."""


class Watcher:
    """Looks at a training after each step; what it has seen is kept with the training's state."""

    def after(self, step: int, generator: torch.Generator) -> None:
        """Called after each update, with the number of updates made and the generator of the step."""

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on where this watcher is."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was."""


class Schedule(BaseModel):
    """How long something is trained, and with which learning rates; equal for all that are compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=300, ge=0, description="updates of the weights")
    learning_rate: float = Field(default=3e-3, gt=0, description="highest learning rate, after the warm-up")
    warmup: float = Field(
        default=0.05, ge=0, lt=1, description="share of the steps in which the rate rises to the highest"
    )
    floor: float = Field(default=0.1, ge=0, le=1, description="share of the highest rate at which the cosine ends")
    weight_decay: float = Field(default=0.1, ge=0, description="weight decay of matrices; vectors do not decay")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: a linear rise, then half a cosine (Loshchilov & Hutter 2017)."""
        rise = self.warmup * self.steps
        if step < rise:
            return self.learning_rate * (step + 1) / math.ceil(rise)
        done = (step - rise) / max(1.0, self.steps - rise)
        return self.learning_rate * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2)


class Budget(Schedule):
    """The training budget of a backbone."""

    positions: int = Field(default=4096, ge=1, description="approximate positions of grids or sequences per step")


class Checkpoint:
    """The state of a training, in one file that is whole or absent; a file with another key is ignored."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """The state, on a device; None where there is none to resume."""
        try:
            state: dict[str, Any] = torch.load(self.path, map_location=device, weights_only=True)
        except Exception:  # torch raises many kinds of errors for a damaged file, which is not a checkpoint
            return None
        return state if state.get("key") == self.key else None

    def write(self, state: dict[str, Any]) -> None:
        """Write a state in place of the earlier one."""
        stream = io.BytesIO()
        torch.save({**state, "key": self.key}, stream)
        write_atomic(self.path, stream.getvalue())

    def remove(self) -> None:
        """Remove the file, once what it was needed for is done."""
        self.path.unlink(missing_ok=True)

    def remove_abandoned(self) -> None:
        """Remove checkpoints in the same folder that have not been written for 30 days."""
        for path in self.path.parent.glob(f"*{self.path.suffix}"):
            with suppress(OSError):  # another process may have removed it
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()


def train(
    model: nn.Module,
    loss: Loss,
    budget: Schedule,
    seed: int,
    checkpoint: Checkpoint | None = None,
    report: Report = lambda phase, done, total: None,
    watcher: Watcher | None = None,
    seeded: bool = True,
    every: float | None = None,
) -> None:
    """Train a new model in place with AdamW (Loshchilov & Hutter 2019), and leave it in evaluation mode.

    Every step seeds its own batch and its own dropout, so a training resumed from a checkpoint ends as if it had
    never stopped.

    Args:
        model: a :class:`Trained` module.
        loss: the loss of a step.
        seed: seed of the batches and of dropout.
        checkpoint: where the state is kept, if given.
        report: called with the progress.
        watcher: looks at the model after each step, if given.
        seeded: whether torch's own generator is seeded for each step. Trainings side by side in one process share it,
            and take everything random from the generator of the step instead.
        every: seconds between two checkpoints.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    watcher, every = watcher or Watcher(), CHECKPOINT_SECONDS if every is None else every
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decaying = [parameter for parameter in weights if parameter.ndim > 1]
    others = [parameter for parameter in weights if parameter.ndim <= 1]
    groups = [{"params": decaying, "weight_decay": budget.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=budget.learning_rate, betas=BETAS)
    device = weights[0].device
    begin = _resume(model, optimizer, watcher, checkpoint.read(device) if checkpoint else None)
    if checkpoint:
        checkpoint.remove_abandoned()
    saved = time.monotonic()
    model.train()
    with torch.random.fork_rng([device] if device.type == "cuda" else [], enabled=seeded):
        for step in range(begin, budget.steps):
            report("training", step, budget.steps)
            mixed = seed * 1_000_003 + step
            if seeded:
                torch.manual_seed(mixed)
            generator = torch.Generator().manual_seed(mixed)
            _update(model, optimizer, loss, budget, step, generator)
            watcher.after(step + 1, generator)
            if checkpoint and (time.monotonic() - saved > every or step + 1 == budget.steps):
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "watcher": watcher.state()}
                checkpoint.write({"step": step + 1, **state})
                saved = time.monotonic()
    report("training", budget.steps, budget.steps)
    model.eval()


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, watcher: Watcher, state: dict[str, Any] | None) -> int:
    """Go on from the state in a checkpoint, if there is one; the step to begin at."""
    if state is None:
        return 0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    watcher.restore(state.get("watcher", {}))
    return int(state["step"])


def _update(
    model: Any, optimizer: torch.optim.Optimizer, loss: Loss, budget: Schedule, step: int, generator: torch.Generator
) -> None:
    for group in optimizer.param_groups:
        group["lr"] = budget.rate(step)
    model.progress(step / budget.steps)
    value = loss(generator)
    if not bool(torch.isfinite(value)):
        hint = "try a lower learning_rate" if step else "no weight was updated yet, so the model or the data give it"
        raise FloatingPointError(f"the loss of training step {step} is {value.item()}; {hint}")
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), budget.clip)
    optimizer.step()
