"""What the tests of several rooms share; a room's ``conftest.py`` says which of it all its tests use.

What takes time to import is imported where it is used: most tests need none of it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import BENCH, run_bench

if TYPE_CHECKING:
    import torch


@pytest.fixture(autouse=True)
def _no_network_or_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may depend on a cache, a store or a network of the machine it runs on."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # what runs cells in this process sets it
    # A class of a user's file puts its folder there, and the next test may have a file of that name, too.
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``bench ARGS...`` in ``tmp_path`` with an empty cache; the finished process."""

    return run_bench(BENCH, tmp_path)


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own that is not there yet, apart from its ``tmp_path``."""
    folder = tmp_path_factory.mktemp("cache") / "bench"
    monkeypatch.setenv("BENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for the files of a data set, apart from what else a test writes."""
    path = tmp_path / "images"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """One thread for torch.

    Convolutions round differently on another number of threads, and models as small as those of the tests lose more to
    threads that wait for each other than they gain.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def weight_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The backbones of ``tester.random_lpips`` as files in torchvision's format, by weights name."""
    import torch
    from tester import random_lpips

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
    import synthetic

    return synthetic.random_inception(tmp_path_factory.mktemp("weights") / "inception.pth")


@pytest.fixture(scope="session")
def photographs() -> Callable[[int, int], torch.Tensor]:
    """``photographs(count, size)``: uint8 ``[count, 3, size, size]``."""
    import numpy as np
    import synthetic
    import torch

    def take(count: int, size: int) -> torch.Tensor:
        return torch.from_numpy(np.stack(list(synthetic.photographs(count, size)))).permute(0, 3, 1, 2)

    return take


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a tiny checkpoint of each class of image tokenizers, by the class's name."""
    from tiny_models import TINY, tiny_model

    root = tmp_path_factory.mktemp("checkpoints")
    for name in TINY:
        tiny_model(name).save_pretrained(root / name)
    return {name: root / name for name in TINY}


@pytest.fixture(scope="session")
def taef2_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of taef2 as its publisher wrote them, with random weights."""
    import torch

    from bench.modalities.image.tokenizers.taef2 import decoder, encoder

    folder = tmp_path_factory.mktemp("taef2")
    torch.manual_seed(0)
    for name, part in (("encoder", encoder()), ("decoder", decoder())):
        torch.save(part.half().state_dict(), folder / f"taef2_{name}.pth")
    return folder


@pytest.fixture(scope="session")
def photos() -> torch.Tensor:
    """Four crops of a photograph, ``[4, 3, 64, 64]`` in [0, 1]."""
    import torch
    from skimage import data

    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    return torch.stack([image[:, 60:124, left : left + 64] for left in range(160, 288, 32)])
