from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from tester import batch_of, photographs, random_lpips

from bench.errors import BenchError
from bench.modalities.image.metrics.lpips import LPIPS, LPIPSVGG, LPIPSAlex, load_network

KINDS = [LPIPSAlex, LPIPSVGG]


def metric_of(kind: type[LPIPS], files: dict[str, Path]) -> LPIPS:
    return kind(weights=files)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(64, 64), (48, 81)])
def test_equals_torchmetrics(kind: type[LPIPS], shape: tuple[int, int], weight_files: dict[str, Path]) -> None:
    data = photographs(176)
    a, b = (side[:3, :, : shape[0], : shape[1]] for side in (data.reference, data.reconstruction))
    metric = metric_of(kind, weight_files)
    metric.update(batch_of(a, b))
    (found,) = metric.samples().values()
    np.testing.assert_allclose(found, random_lpips(kind.net)(a, b, normalize=True).flatten(), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_identical_images_are_at_distance_zero(kind: type[LPIPS], weight_files: dict[str, Path]) -> None:
    image = photographs(64).reference[:2]
    metric = metric_of(kind, weight_files)
    metric.update(batch_of(image, image))
    assert [estimate.value for estimate in metric.compute().values()] == [0.0]


@pytest.mark.parametrize("kind", KINDS)
def test_images_too_small_for_the_backbone_are_undefined(kind: type[LPIPS], weight_files: dict[str, Path]) -> None:
    side, image = kind.shortest_side, photographs(64).reference[:1]
    metric = metric_of(kind, weight_files)
    metric.update(batch_of(image[..., : side - 1], image[..., : side - 1]))
    (estimate,) = metric.compute().values()
    assert estimate.value is None
    assert f"under {side} pixels" in str(estimate.unavailable)
    metric.update(batch_of(image[..., :side, :side], image[..., :side, :side], first=1))
    (estimate,) = metric.compute().values()
    assert (estimate.value, estimate.n, estimate.failures) == (0.0, 1, 1)
    with pytest.raises(RuntimeError, match="too small"):
        random_lpips(kind.net)(image[..., : side - 1], image[..., : side - 1])


def test_files_in_the_old_format_load(tmp_path: Path, weight_files: dict[str, Path]) -> None:
    state = torch.load(weight_files["alexnet"], weights_only=True)
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    found = load_network("alex", tmp_path / "old.pth").state_dict()
    assert all(torch.equal(found[name], value) for name, value in random_lpips("alex").state_dict().items())


def test_loading_draws_no_random_numbers(weight_files: dict[str, Path]) -> None:
    before = torch.get_rng_state()
    load_network("vgg", weight_files["vgg16"])
    assert torch.equal(torch.get_rng_state(), before)


def test_pickles_without_its_network(weight_files: dict[str, Path]) -> None:
    image = photographs(64).reference[:1]
    metric = metric_of(LPIPSAlex, weight_files)
    metric.update(batch_of(image, image))
    assert len(pickle.dumps(metric)) < 100_000
    assert not metric.state_dict()


class Payload:
    """Unpickling it would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_a_file_that_is_no_backbone_is_named(
    tmp_path: Path, weight_files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(weight_files["alexnet"], weights_only=True)
    wrong = {
        "vgg": torch.load(weight_files["vgg16"], weights_only=True),
        "part": {key: value for key, value in state.items() if key != "features.3.bias"},
        "list": [1, 2],
        "code": Payload(),
    }
    for name, content in wrong.items():
        torch.save(content, tmp_path / f"{name}.pth")
    (tmp_path / "text.pth").write_text("not found")
    for file in sorted(tmp_path.iterdir()):
        with pytest.raises(BenchError, match=f"{file.name}: .*the weights of torchvision's AlexNet"):
            load_network("alex", file)
    assert "run" not in capsys.readouterr().out
