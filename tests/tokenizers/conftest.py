"""Tiny checkpoints of the real classes, and real photographs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from skimage import data
from tiny_models import TINY, tiny_model


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small lose more to threads that wait for each other than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a tiny checkpoint of each class, by the class's name."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name in TINY:
        tiny_model(name).save_pretrained(root / name)
    return {name: root / name for name in TINY}


@pytest.fixture(scope="session")
def photos() -> torch.Tensor:
    """Four crops of a photograph, ``[4, 3, 64, 64]`` in [0, 1]."""
    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    return torch.stack([image[:, 60:124, left : left + 64] for left in range(160, 288, 32)])
