"""KID against values worked out by hand and torch-fidelity, and its interval against the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from feature_parts import given, measure
from torch_fidelity.metric_kid import kid_features_to_metric

from bench.metrics.sets import kernel
from bench.metrics.sets.kernel_distance import KID

Rng = np.random.Generator


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(0)


def test_three_numbers_by_hand() -> None:
    """k(x, y) = (xy + 1)³. References 0, 1, 2; reconstructions 1, 1, 0."""
    within_reference = 2 * (1 + 1 + 27) / 6
    within_reconstruction = 2 * (8 + 1 + 1) / 6
    between = ((1 + 8 + 27) + (1 + 8 + 27) + 3 * 1) / 9
    estimate = measure(KID, np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [1.0], [0.0]]))
    assert estimate.value == pytest.approx(within_reference + within_reconstruction - 2 * between)
    assert "all 3 samples" in estimate.note


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"subsets": 7, "subset_size": 100, "seed": 3},
        {"subset_size": 150, "degree": 2, "gamma": 0.3, "coef0": 0.0},
        {"subset_size": 2},
    ],
)
@pytest.mark.parametrize("tile", [kernel.TILE, (32, 48), (16, 16)])
def test_equal_to_torch_fidelity(
    rng: Rng, settings: dict[str, Any], tile: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "TILE", tile)  # small tiles cut these 150 samples as thousands are cut
    x = rng.standard_normal((150, 12)).astype(np.float32)
    y = (x + 0.5 * rng.standard_normal((150, 12))).astype(np.float32)
    chosen = {"subset_size": 1000, **settings}
    estimate = measure(KID, x, y, **chosen)
    trusted = kid_features_to_metric(
        torch.from_numpy(y).double(),
        torch.from_numpy(x).double(),
        kid_subsets=chosen.get("subsets", 100),
        kid_subset_size=min(chosen["subset_size"], 150),
        kid_kernel_poly_degree=chosen.get("degree", 3),
        kid_kernel_poly_gamma=chosen.get("gamma"),
        kid_kernel_poly_coef0=chosen.get("coef0", 1.0),
        rng_seed=chosen.get("seed", 2020),
        verbose=False,
    )
    assert estimate.value == pytest.approx(trusted["kernel_inception_distance_mean"], rel=1e-10)
    assert ("all 150 samples" in estimate.note) == (chosen["subset_size"] > 150)


def test_float32_products_change_little(rng: Rng, monkeypatch: pytest.MonkeyPatch) -> None:
    x = rng.standard_normal((200, 64))
    y = x + 0.5 * rng.standard_normal((200, 64))
    exact = measure(KID, x, y)
    monkeypatch.setattr(kernel, "FLOAT64_PRODUCTS", 0)
    assert measure(KID, x, y).value == pytest.approx(exact.value, rel=1e-5)


@pytest.mark.parametrize("subset_size", [1000, 60], ids=["all samples", "subsets"])
def test_interval_covers_the_truth(rng: Rng, subset_size: int) -> None:
    """With one feature and k = (xy + 1)³, MMD² = 3(Δm₁)² + 3(Δm₂)² + (Δm₃)², m the raw moments."""
    n, trials, covered = 300, 300, 0
    spread, shift = 0.5, 0.4
    truth = 3 * shift**2 + 3 * (shift**2) ** 2 + (shift**3 + 3 * shift * spread**2) ** 2
    values, errors = [], []
    for _ in range(trials):
        x = spread * rng.standard_normal((n, 1))
        y = spread * rng.standard_normal((n, 1)) + shift
        estimate = measure(KID, x, y, subset_size=subset_size, subsets=5)
        assert estimate.interval is not None
        covered += estimate.interval[0] <= truth <= estimate.interval[1]
        values.append(estimate.value)
        errors.append(estimate.stderr)
    assert 0.92 <= covered / trials <= 0.98
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_note_says_what_pairs_do_to_the_value(rng: Rng) -> None:
    """Of equal sets the cross term is the mean over all pairs, equal ones included: the whole value is bias."""
    x = rng.standard_normal((40, 5))
    estimate = measure(KID, x, x)
    assert estimate.value is not None and estimate.value < 0
    assert f"includes {estimate.value:.2g} from comparing each image with its own" in estimate.note
    far = rng.standard_normal((1000, 5))
    assert "includes" not in measure(KID, far, rng.standard_normal((1000, 5)) + 1).note


def test_leaving_a_block_out_is_leaving_it_out(rng: Rng) -> None:
    """The jackknife of block sums equals computing every remainder anew."""
    x, y = rng.standard_normal((40, 5)), rng.standard_normal((40, 5)) + 0.2
    groups = np.repeat(np.arange(4), [7, 9, 11, 13])
    estimate = measure(KID, x, y, groups=groups.tolist())
    sizes = np.bincount(groups)
    left = [measure(KID, x[groups != j], y[groups != j]).value for j in range(4)]
    ratio = 40 / sizes
    pseudo = ratio * estimate.value - (ratio - 1) * np.array(left)
    centre = (pseudo / ratio).sum()
    assert estimate.stderr == pytest.approx(np.sqrt(((pseudo - centre) ** 2 / (ratio - 1)).mean()), rel=1e-9)


def test_order_and_batches_do_not_matter(rng: Rng) -> None:
    x, y = (torch.from_numpy(rng.standard_normal((60, 6))).float() for _ in range(2))
    groups = torch.arange(60) // 2
    settings = {"subset_size": 40}
    whole = KID(settings)
    whole.update(given(torch.arange(60), x, y, groups))
    expected = whole.compute()
    first, second = torch.randperm(60).split([23, 37])
    for order in ((first, second), (second, first)):
        states = []
        for part in order:
            states.append(KID(settings))
            for index in part.split(7):
                states[-1].update(given(index, x, y, groups))
        states[0].merge_state(states[1])
        assert states[0].compute() == expected


@pytest.mark.parametrize(
    ("n", "groups", "reason"),
    [(1, [0], "at least 2 samples"), (4, [0, 0, 0, 0], "a single group"), (3, [0, 0, 1], "too few to leave one out")],
)
def test_too_few_samples_say_so(rng: Rng, n: int, groups: list[int], reason: str) -> None:
    estimate = measure(KID, rng.standard_normal((n, 3)), rng.standard_normal((n, 3)), groups=groups)
    assert estimate.interval is None
    assert reason in (estimate.unavailable or estimate.method)
    assert (estimate.value is None) == (n < 2)
