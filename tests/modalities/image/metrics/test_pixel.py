from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from tester import batch_of, photographs
from torchmetrics.functional.image import peak_signal_noise_ratio

from bench.contracts.stats import MAX_BLOCKS, Estimate
from bench.errors import BenchError
from bench.modalities.image.metrics.pixel import NOT_FINITE, PSNR


def psnr_of(reference: torch.Tensor, reconstruction: torch.Tensor, **settings: Any) -> Estimate:
    metric = PSNR(settings)
    metric.update(batch_of(reference, reconstruction))
    return metric.compute()["psnr"]


def shifted(*steps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Black images and such that differ by one step everywhere: the MSE is its square."""
    black = torch.zeros(len(steps), 3, 8, 8, dtype=torch.float64)
    return black, black + torch.tensor(steps, dtype=torch.float64)[:, None, None, None]


@pytest.mark.parametrize(
    ("steps", "settings", "decibels"),
    [
        ((0.1,), {}, 20.0),
        ((0.1, 0.001), {}, 40.0),
        ((0.1,), {"data_range": 2.0}, 20.0 + 20 * math.log10(2)),
        ((0.1, 0.2), {"pooling": "set"}, 10 * math.log10(1 / 0.025)),
        ((0.1, 0.0), {"pooling": "set"}, 10 * math.log10(1 / 0.005)),
    ],
)
def test_by_hand(steps: tuple[float, ...], settings: dict[str, Any], decibels: float) -> None:
    assert psnr_of(*shifted(*steps), **settings).value == pytest.approx(decibels, rel=1e-12)


@pytest.mark.parametrize("pooling", ["image", "set"])
def test_equals_torchmetrics(pooling: str) -> None:
    data = photographs(64)
    a, b = data.reference.double(), data.reconstruction.double()
    options: dict[str, Any] = {"dim": (1, 2, 3)} if pooling == "image" else {}
    expected = peak_signal_noise_ratio(b, a, data_range=1.0, **options)
    assert psnr_of(a, b, pooling=pooling).value == pytest.approx(float(expected), rel=1e-7)  # ln 10 is float32 there


CEILING = 10 * math.log10(255**2 * 3 * 8 * 8)
"""One level of 255 in one channel of one of 8x8 pixels."""


@pytest.mark.parametrize("pooling", ["image", "set"])
def test_an_exact_image_has_the_ceiling_and_never_lowers_a_mean(pooling: str) -> None:
    """One system is as good as the other on the first image, and lossless where the other loses a little."""
    lossy = psnr_of(*shifted(0.043, *[0.004] * 17), pooling=pooling)
    lossless = psnr_of(*shifted(0.043, *[0.0] * 17), pooling=pooling)
    assert lossless.value > lossy.value
    assert (lossless.n, lossless.failures) == (18, 0)
    assert lossless.note.startswith("17 of 18 images came back exactly")
    if pooling == "image":
        assert lossless.value == pytest.approx((-20 * math.log10(0.043) + 17 * CEILING) / 18)
        assert lossless.note.endswith(f"{CEILING:.2f} dB, the ceiling")


def test_the_ceiling_is_one_level_in_one_channel_of_one_pixel() -> None:
    reference = torch.zeros(3, 3, 256, 256, dtype=torch.float64)
    changed = reference.clone()
    changed[0, 1, 7, 9] = 1 / 255
    changed[1, 1, 7, 9] = 1e-5  # less than eight bits can show
    metric = PSNR()
    metric.update(batch_of(reference, changed))
    assert metric.samples()["psnr"] == pytest.approx([101.0668] * 3, abs=1e-4)


def test_a_set_of_exact_images_has_the_ceiling_of_its_pixels() -> None:
    exact = psnr_of(*shifted(0.0, 0.0), pooling="set")
    assert exact.value == pytest.approx(CEILING + 10 * math.log10(2))
    assert exact.note == f"2 of 2 images came back exactly: {exact.value:.2f} dB, the ceiling"


def test_what_is_not_finite_is_named() -> None:
    for pooling in ("image", "set"):
        none = psnr_of(*shifted(math.nan, math.nan), pooling=pooling)
        assert (none.value, none.failures, none.unavailable) == (None, 2, NOT_FINITE)


def test_pooled_interval_is_that_of_the_delta_method() -> None:
    errors = np.random.default_rng(0).gamma(4.0, 0.01, MAX_BLOCKS)
    pooled = psnr_of(*shifted(*np.sqrt(errors)), pooling="set")
    delta = 10 / math.log(10) * errors.std(ddof=1) / math.sqrt(len(errors)) / errors.mean()
    assert pooled.stderr == pytest.approx(delta, rel=0.03)


def test_pooling_weighs_images_by_their_pixels() -> None:
    metric = PSNR({"pooling": "set"})
    (large, large_off), (small, small_off) = shifted(0.1), shifted(0.3)
    metric.update(batch_of(large, large_off))
    metric.update(batch_of(small[..., :4], small_off[..., :4], first=1))
    assert metric.compute()["psnr"].value == pytest.approx(-10 * math.log10((2 * 0.01 + 0.09) / 3), rel=1e-12)


def test_a_single_channel_is_not_broadcast() -> None:
    with pytest.raises(BenchError, match="decode must return the shape"):
        psnr_of(torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8))
