"""What runs on a GPU, on one that only pretends: nothing mixes devices, and nothing waits for the device in between.

Tensors without values know their device, and raise where a value is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.machine import spectra
from bench.metrics.sets import frechet_distances, gaussians
from bench.metrics.sets.engine import Engine
from bench.metrics.sets.frechet_distances import FewSamples, Gaussian, GramFrechet, ManySamples, MomentFrechet
from bench.metrics.sets.inception_score import _add_rows
from bench.metrics.sets.neighbors import Distances, nearest, radii_without
from bench.modalities.image.extractors.inception import resize
from bench.modalities.image.extractors.shared import Serving, features_of
from bench.modalities.image.metrics.device_distances import sums_along
from bench.modalities.image.metrics.patch_distances import Patches
from bench.modalities.image.metrics.ssim import SSIMSettings, similarity

GPU = torch.device("cuda")
BOUNDS = np.arange(0, 41, 5)
FITTING, STAYING = (Engine(GPU, accelerated=True, room=room, tile=1 << 15) for room in (1 << 30, 0))


@pytest.fixture(autouse=True)
def _pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No values, and solvers that are believed: whether they succeeded is the one thing that is asked for."""
    monkeypatch.setattr(spectra, "_first", lambda matrix, ways: ways[0](matrix))
    monkeypatch.setattr(spectra, "FACTORS", (lambda matrix: torch.linalg.cholesky_ex(matrix)[0].T,))
    monkeypatch.setattr(spectra, "NUCLEAR_NORMS", (lambda matrix: matrix.sum(),))
    for module in (gaussians, frechet_distances):
        monkeypatch.setattr(module, "distance_of", lambda shift, traces, root: shift @ shift + traces - 2 * root)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def rows(engine: Engine) -> torch.Tensor:
    return torch.randn(40, 12, device=GPU if engine is FITTING else "cpu")


def frechet(engine: Engine) -> Iterator[torch.Tensor]:
    x, y, reference = rows(engine), rows(engine), Gaussian.of(rows(engine), engine)
    for distance in (
        *(paired(x, y, BOUNDS[:-1], engine) for paired in (GramFrechet, MomentFrechet)),
        *(fixed(x, reference, BOUNDS, engine) for fixed in (FewSamples, ManySamples)),
    ):
        yield from (distance.value(), distance.without(1))  # type: ignore[misc]


def manifolds(engine: Engine) -> Iterator[torch.Tensor]:
    x, y = rows(engine), rows(engine)
    squares = nearest(x, 3, BOUNDS.tolist(), Distances(x, y, "exact", engine))
    yield radii_without(squares, BOUNDS.tolist(), 3)


def class_sums(engine: Engine) -> Iterator[torch.Tensor]:
    total = torch.zeros(4, 12, device=GPU, dtype=torch.float64)
    _add_rows(total, torch.zeros(40).long(), engine.wide(rows(engine)), engine)
    yield total


def sliced(engine: Engine) -> Iterator[torch.Tensor]:
    patches = Patches(rows(engine), 2, engine)
    moments = patches.__dict__["whole"] = np.ones((2, 3))
    directions = torch.randn(5, 3, 4, device=GPU)
    shares = patches.projected(directions)
    kept = [[(0, 0), (10, 40)], [(0, 20), (30, 40)]]
    for size in (30, 25):
        against = torch.randn(5, size, device=GPU)
        yield sums_along(directions, shares, moments, against, kept, [moments, moments])


@pytest.mark.parametrize("engine", [FITTING, STAYING], ids=["rows fit", "rows stay"])
@pytest.mark.parametrize("work", [frechet, manifolds, class_sums, sliced])
def test_a_last_step_stays_on_the_device(work: Callable[[Engine], Iterator[torch.Tensor]], engine: Engine) -> None:
    assert {result.device.type for result in work(engine)} == {"cuda"}


def test_features_and_pairs_stay_on_the_device() -> None:
    with torch.device("cuda"):
        images = torch.rand(70, 3, 32, 32)
        pair = images[:2].double()
    means = features_of(images, Serving.on(GPU), lambda chunk: {"pool": resize(chunk, 299).mean((2, 3))})["pool"]
    found = [means, *similarity(pair, pair, [0.1] * 11, SSIMSettings())]
    assert [(result.device.type, len(result)) for result in found] == [("cuda", 70), ("cuda", 2), ("cuda", 2)]
