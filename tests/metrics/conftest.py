"""Networks with random weights that need no download, and a cache of its own for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import synthetic
import torch
from tester import random_lpips


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Convolutions round differently on another number of threads; the processes of a pair have one each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weight_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The backbones of ``tester.random_lpips`` as files in torchvision's format, by weights name."""
    folder, files = tmp_path_factory.mktemp("backbones"), {}
    for name, net in (("alexnet", "alex"), ("vgg16", "vgg")):
        # slice1.0.weight is what torchvision calls features.0.weight.
        found = random_lpips(net).net.state_dict()
        state = {f"features.{key.split('.', 1)[1]}": value for key, value in found.items()}
        files[name] = folder / f"{name}.pth"
        torch.save({**state, "classifier.6.bias": torch.zeros(1000)}, files[name])
    return files


@pytest.fixture(scope="session")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised Inception in torch-fidelity's format."""
    file: Path = synthetic.random_inception(tmp_path_factory.mktemp("weights") / "inception.pth")
    return file


@pytest.fixture(scope="session")
def photographs() -> Callable[[int, int], torch.Tensor]:
    """``photographs(count, size)``: uint8 ``[count, 3, size, size]``."""

    def take(count: int, size: int) -> torch.Tensor:
        return torch.from_numpy(np.stack(list(synthetic.photographs(count, size)))).permute(0, 3, 1, 2)

    return take


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for every test."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
