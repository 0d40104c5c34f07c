"""A training that is cut off and resumed from its checkpoint ends as one that was not, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench import registry
from bench.contracts.system import BottleneckSpec, parse
from bench.datasets.base import Dataset
from bench.learning.autoencoder import Autoencoder, NetworkSettings, TrainedTokenizer
from bench.learning.bottleneck import Curves, Model
from bench.learning.training import Checkpoint, Schedule, train

DIMS, GRID = 6, (3, 4)
SETTINGS = NetworkSettings(width=8)
SCHEDULE = Schedule(steps=6, learning_rate=1e-2, weight_decay=0.0)
CUT_OFF = 3
"""The step in which the training is cut off, counted from 0."""
ARGUMENTS: dict[str, list[str]] = {
    "trained-continuous": [""],
    "trained-rvq": ["bits=6,dropout=0.5", "bits=6,remedy=reset@every=4"],
    "trained-multiscale": ["bits=4,scales=1-2-4,remedy=vq-wae"],
    # Remedies, so that what they count over steps has an effect after the interruption.
    "reset": ["@every=4", "@every=4,update=ema"],
    "random-restart": ["", "@threshold=0.5,update=ema"],
    "online-clustering": ["", ",update=ema"],
    "affine": ["", "@statistics=true"],
}
"""What is tried of a registered name, where that is not its defaults; bottlenecks have ``bits=6``."""


def cases() -> list[str]:
    """A bottleneck for every registered bottleneck, estimator and remedy, as users name it."""
    texts = [
        f"{name}@{arguments}".removesuffix("@")
        for name in registry.entries("bottlenecks")
        for arguments in ARGUMENTS.get(name, ["bits=6"])
    ]
    texts += [f"trained-vq@bits=6,estimator={name}" for name in registry.entries("estimators")]
    for name in registry.entries("remedies"):
        texts += [f"trained-vq@bits=6,remedy={name}{arguments}" for arguments in ARGUMENTS.get(name, [""])]
    return [*texts, "trained-vq@bits=6,update=ema"]


class Linear(Autoencoder):
    """A linear map to latents and one back."""

    Settings = NetworkSettings
    tokenizer = TrainedTokenizer

    def __init__(self, settings: Any, examples: Sequence[torch.Tensor]) -> None:
        super().__init__(settings, examples)
        self.encoder, self.decoder = nn.Linear(DIMS, settings.width), nn.Linear(settings.width, DIMS)

    @classmethod
    def examples_of(cls, dataset: Dataset, settings: Any) -> list[torch.Tensor]:
        return []

    @classmethod
    def draw(cls, examples: Sequence[torch.Tensor], n: int, settings: Any, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(n, *GRID, DIMS, generator=generator)

    def encode(self, examples: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.encoder(examples)
        return latents

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        examples: torch.Tensor = self.decoder(latents)
        return examples

    def losses(self, decoded: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return (decoded - examples).square().flatten(1).mean(1)


class CutOffError(Exception):
    """The process ends."""


def model_of(text: str, seed: int) -> Model:
    spec = parse(text)
    assert isinstance(spec, BottleneckSpec)
    torch.manual_seed(seed)
    return Model(Linear(SETTINGS, []), spec.bottleneck(SETTINGS.width))


def trained(model: Model, checkpoint: Checkpoint | None = None, until: int = SCHEDULE.steps) -> dict[str, Any]:
    """The state, and what was seen, of the training of a model, which is resumed if there is a checkpoint."""
    held_out = Linear.draw([], 5, SETTINGS, torch.Generator().manual_seed(9))
    curves = Curves(model, held_out, SCHEDULE, looks=SCHEDULE.steps)

    def loss(generator: torch.Generator) -> torch.Tensor:
        if len(curves.steps) == until:
            raise CutOffError
        return model.loss(Linear.draw([], 4, SETTINGS, generator), generator)

    train(model, loss, SCHEDULE, 5, checkpoint, watcher=curves, seeded=False, every=0.0)
    return {"state": model.state_dict(), **curves.state()}


@pytest.mark.parametrize("text", cases())
def test_a_resumed_training_ends_as_one_that_was_not_cut_off(text: str, tmp_path: Path, one_thread: None) -> None:
    whole, cut_off = (model_of(text, seed=0) for _ in range(2))
    for model in (whole, cut_off):
        first = Linear.draw([], 32, SETTINGS, torch.Generator().manual_seed(8))
        with torch.no_grad():
            model.bottleneck.start(model.network.encode(first), torch.Generator().manual_seed(7))
    expected, checkpoint = trained(whole), Checkpoint(tmp_path / "state.pt", "key")
    with pytest.raises(CutOffError):
        trained(cut_off, checkpoint, until=CUT_OFF)
    # Another model, as another process builds it: what is not in the checkpoint is lost, the start included.
    resumed = trained(model_of(text, seed=1), checkpoint)
    assert resumed["steps"] == list(range(1, SCHEDULE.steps + 1))
    assert resumed["rows"] == expected["rows"]
    torch.testing.assert_close(resumed["state"], expected["state"], rtol=0, atol=0, equal_nan=True)
