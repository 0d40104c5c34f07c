from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tester import batch_of, photographs
from torchmetrics.functional.image import peak_signal_noise_ratio

from bench.errors import BenchError
from bench.metrics.pixel import IDENTICAL, PSNR
from bench.stats import MAX_BLOCKS, Estimate


def psnr_of(reference: torch.Tensor, reconstruction: torch.Tensor, **settings: object) -> Estimate:
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
def test_by_hand(steps: tuple[float, ...], settings: dict[str, object], decibels: float) -> None:
    assert psnr_of(*shifted(*steps), **settings).value == pytest.approx(decibels, rel=1e-12)


@pytest.mark.parametrize("pooling", ["image", "set"])
def test_equals_torchmetrics(pooling: str) -> None:
    data = photographs(64)
    a, b = data.reference.double(), data.reconstruction.double()
    options = {"dim": (1, 2, 3)} if pooling == "image" else {}
    expected = peak_signal_noise_ratio(b, a, data_range=1.0, **options)
    assert psnr_of(a, b, pooling=pooling).value == pytest.approx(float(expected), rel=1e-7)  # ln 10 is float32 there


def test_identical_images_are_failures_that_are_named() -> None:
    some = psnr_of(*shifted(0.1, 0.0, 0.1))
    assert (some.value, some.n, some.failures) == (pytest.approx(20.0), 2, 1)
    assert some.note == f"1 of 3 samples left out: {IDENTICAL}"
    for pooling in ("image", "set"):
        none = psnr_of(*shifted(0.0, 0.0), pooling=pooling)
        assert (none.value, none.failures, none.unavailable) == (None, 2, IDENTICAL)


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
