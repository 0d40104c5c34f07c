"""Trainings with every bottleneck, estimator and remedy: resumed from a checkpoint, and on a device that pretends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from places import SYSTEMS
from pretended_device import DEVICE, MixedDevicesError, PretendedDevice
from torch import nn

from bench import registry
from bench.contracts.system import BottleneckSpec, parse
from bench.datasets.base import Dataset
from bench.learning.autoencoder import Autoencoder, NetworkSettings, TrainedTokenizer
from bench.learning.bottleneck import Curves, Model
from bench.learning.training import Checkpoint, Schedule, train

CPU = torch.device("cpu")
OWN = f"{SYSTEMS / 'own_bottleneck.py'}:Signs"
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


@pytest.fixture(autouse=True)
def _alone(one_thread: None) -> None:
    """One thread for every test."""


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


def model_of(text: str, seed: int = 0) -> Model:
    """A model whose bottleneck has not been started."""
    spec = parse(text)
    assert isinstance(spec, BottleneckSpec)
    torch.manual_seed(seed)
    return Model(Linear(SETTINGS, []), spec.bottleneck(SETTINGS.width))


def started(text: str) -> Model:
    model, first = model_of(text), Linear.draw([], 32, SETTINGS, torch.Generator().manual_seed(8))
    with torch.no_grad():
        model.bottleneck.start(model.network.encode(first), torch.Generator().manual_seed(7))
    return model


def trained(
    model: Model, checkpoint: Checkpoint | None = None, until: int = SCHEDULE.steps, device: torch.device = CPU
) -> dict[str, Any]:
    """The state, and what was seen, of the training of a model, which is resumed if there is a checkpoint."""
    held_out = Linear.draw([], 5, SETTINGS, torch.Generator().manual_seed(9))
    curves = Curves(model.to(device), held_out.to(device), SCHEDULE, looks=SCHEDULE.steps)

    def loss(generator: torch.Generator) -> torch.Tensor:
        if len(curves.steps) == until:
            raise CutOffError
        return model.loss(Linear.draw([], 4, SETTINGS, generator).to(device), generator)

    train(model, loss, SCHEDULE, 5, checkpoint, watcher=curves, seeded=False, every=0.0)
    return {"state": {name: value.cpu() for name, value in model.state_dict().items()}, **curves.state()}


@pytest.mark.parametrize("text", cases())
def test_a_resumed_training_ends_as_one_that_was_not_cut_off(text: str, tmp_path: Path) -> None:
    checkpoint, expected = Checkpoint(tmp_path / "state.pt", "key"), trained(started(text))
    with pytest.raises(CutOffError):
        trained(started(text), checkpoint, until=CUT_OFF)
    # Another model, as another process builds it: what is not in the checkpoint is lost, the start included.
    equal(trained(model_of(text, seed=1), checkpoint), expected)


@pytest.mark.parametrize("text", [*cases(), OWN])
def test_a_training_stays_on_its_device(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, model = trained(started(text)), started(text)
    with PretendedDevice(monkeypatch):
        equal(trained(model, device=DEVICE), expected)


def test_a_tensor_that_stays_behind_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with PretendedDevice(monkeypatch):
        moved = torch.ones(2).to(DEVICE)
        assert (moved + torch.tensor(1.0)).cpu().tolist() == [2, 2]  # a scalar may stay
        with pytest.raises(MixedDevicesError):
            moved + torch.ones(2)


def equal(reached: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check that two trainings saw the same and ended alike, to the last bit."""
    assert reached["steps"] == expected["steps"] == list(range(1, SCHEDULE.steps + 1))
    assert reached["rows"] == expected["rows"]
    torch.testing.assert_close(reached["state"], expected["state"], rtol=0, atol=0, equal_nan=True)
