from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from tester import batch_of, photographs
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as tm_ms_ssim
from torchmetrics.functional.image import structural_similarity_index_measure as tm_ssim

from bench.contracts.suite import load_preset
from bench.metrics.base import PerSampleMetric
from bench.modalities.image.metrics import ssim
from bench.modalities.image.metrics.ssim import MSSSIM, SSIM, STANDARD_BETAS

WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def values(kind: type[PerSampleMetric], side: int, count: int, **settings: Any) -> np.ndarray:
    data = photographs(side)
    metric = kind(settings)
    metric.update(batch_of(data.reference[:count], data.reconstruction[:count]))
    (found,) = metric.samples().values()
    return found


def pairs(side: int, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    data = photographs(side)
    return list(zip(data.reference[:count].double(), data.reconstruction[:count].double(), strict=True))


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {"data_range": 1.0, **WANG}),
        ({"data_range": 2.0}, {"data_range": 2.0, **WANG}),
        ({"sigma": 2.0, "size": 15}, {"data_range": 1.0, **WANG, "sigma": 2.0}),
        ({"window": "uniform"}, {"data_range": 1.0}),
        ({"window": "uniform", "data_range": 2.0}, {"data_range": 2.0}),
        ({"window": "uniform", "size": 11, "sample_covariance": False}, {"data_range": 1.0, "win_size": 11, **WANG}),
    ],
)
def test_ssim_equals_scikit_image(settings: dict[str, Any], options: dict[str, Any]) -> None:
    if settings.get("window") == "uniform":
        options = {**options, "gaussian_weights": False}
    expected = [structural_similarity(a.numpy(), b.numpy(), channel_axis=0, **options) for a, b in pairs(64, 3)]
    np.testing.assert_allclose(values(SSIM, 64, 3, **settings), expected, rtol=1e-12)


@pytest.mark.parametrize("preset", ["seed-voken", "seed-voken-128"])
def test_presets_of_scripts_that_call_scikit_image_equal_it(preset: str) -> None:
    settings = load_preset(preset)[1]["metrics"]["ssim"]
    expected = [structural_similarity(a.numpy(), b.numpy(), channel_axis=0, data_range=1.0) for a, b in pairs(64, 3)]
    np.testing.assert_allclose(values(SSIM, 64, 3, **settings), expected, rtol=1e-12)


@pytest.mark.parametrize("window", ["gaussian", "uniform"])
def test_ssim_with_mirrored_border_equals_torchmetrics(window: str) -> None:
    options: dict[str, Any] = {"gaussian_kernel": window == "gaussian", "kernel_size": 7, "data_range": 1.0}
    expected = [float(tm_ssim(b[None], a[None], **options)) for a, b in pairs(64, 3)]  # type: ignore[arg-type]
    found = values(SSIM, 64, 3, window=window, border="reflect", sample_covariance=False)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def per_channel(a: torch.Tensor, b: torch.Tensor) -> float:
    """MS-SSIM as pytorch-msssim defines it, from torchmetrics' maps: a channel at a time, windows within the image."""
    channels = []
    for x, y in zip(a[:, None, None], b[:, None, None], strict=True):
        terms = []
        for _ in STANDARD_BETAS:
            _, contrast = tm_ssim(y, x, data_range=1.0, return_contrast_sensitivity=True)
            _, whole = tm_ssim(y, x, data_range=1.0, return_full_image=True)
            terms.append(float(contrast))
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        terms[-1] = float(whole[..., 5:-5, 5:-5].mean())
        channels.append(math.prod(max(term, 0.0) ** beta for term, beta in zip(terms, STANDARD_BETAS, strict=True)))
    return float(np.mean(channels))


def joint(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(tm_ms_ssim(b[None], a[None], data_range=1.0))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, joint), ({"border": "exclude", "channels": "separate"}, per_channel)],
)
@pytest.mark.parametrize("side", [176, 181])
def test_ms_ssim_equals_torchmetrics(
    side: int, settings: dict[str, Any], expected: Callable[[torch.Tensor, torch.Tensor], float]
) -> None:
    trusted = [expected(a, b) for a, b in pairs(side, 1)]
    np.testing.assert_allclose(values(MSSSIM, side, 1, **settings), trusted, rtol=1e-8)  # its betas are float32


@pytest.mark.parametrize(
    ("kind", "settings"), [(SSIM, {}), (SSIM, {"border": "reflect"}), (MSSSIM, {}), (MSSSIM, {"channels": "separate"})]
)
def test_filtering_many_images_at_once_changes_no_bit(
    kind: type[PerSampleMetric], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = values(kind, 176, 7, **settings)
    monkeypatch.setitem(ssim.CHUNK, "cpu", 4)
    np.testing.assert_array_equal(values(kind, 176, 7, **settings), one_by_one)


@pytest.mark.parametrize(("kind", "side"), [(SSIM, 16), (MSSSIM, 176)])
def test_by_hand(kind: type[PerSampleMetric], side: int) -> None:
    flat = torch.ones(2, 3, side, side, dtype=torch.float64)
    metric = kind()
    metric.update(batch_of(flat * 0.5, torch.stack((flat[0] * 0.5, flat[0] * 0.25))))
    # Without variance only the luminance term of the (last) scale is left.
    luminance = (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    expected = luminance if kind is SSIM else luminance ** STANDARD_BETAS[-1]
    (found,) = metric.samples().values()
    np.testing.assert_allclose(found, [1.0, expected], rtol=1e-12)


def test_opposite_structures_have_no_real_power() -> None:
    noise = torch.rand(1, 3, 176, 176, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    metric = MSSSIM()
    metric.update(batch_of(noise, 1 - noise))
    assert metric.compute()["ms_ssim"].value == 0.0


@pytest.mark.parametrize(
    ("kind", "side", "settings"),
    [(SSIM, 11, {}), (SSIM, 7, {"window": "uniform"}), (MSSSIM, 176, {}), (MSSSIM, 22, {"betas": (0.5, 0.5)})],
)
def test_smaller_images_are_undefined(kind: type[PerSampleMetric], side: int, settings: dict[str, Any]) -> None:
    image = photographs(176).reference[:1]
    sizes = [image[..., :side, :side], image[..., :side, : side - 1]]
    large, small = (batch_of(x, x, first=i) for i, x in enumerate(sizes))
    metric = kind(settings)
    metric.update(small)
    (estimate,) = metric.compute().values()
    assert estimate.value is None
    assert str(side if kind is MSSSIM else metric.settings.size) in estimate.unavailable  # type: ignore[attr-defined]
    metric.update(large)
    (estimate,) = metric.compute().values()
    assert (estimate.value, estimate.n, estimate.failures) == (pytest.approx(1.0), 1, 1)
    assert estimate.note.startswith("1 of 2 samples left out")


@pytest.mark.parametrize("settings", [{"size": 8}, {"window": "box"}, {"sigma": 0}, {"sigmas": 1.5}])
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        SSIM(settings)


def test_settings_write_out_what_goes_with_the_window() -> None:
    assert SSIM.Settings(window="uniform").model_dump() == {
        **SSIM.Settings().model_dump(),
        "window": "uniform",
        "size": 7,
        "sample_covariance": True,
    }
