"""Fréchet distances against values worked out by hand, torch-fidelity's formula and their own other way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from feature_parts import given, measure
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from bench.contracts.stats import assign_blocks, block_jackknife
from bench.metrics.sets.engine import PROCESSOR
from bench.metrics.sets.frechet import RFID, EfficientNetFrechet
from bench.metrics.sets.frechet_distances import GramFrechet, MomentFrechet
from bench.metrics.sets.gaussians import frechet_distance, moments

Rng = np.random.Generator


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(0)


def distance_of_sets(x: torch.Tensor, y: torch.Tensor) -> float:
    return frechet_distance(moments(x, PROCESSOR), moments(y, PROCESSOR), PROCESSOR)


def exact(rng: Rng, n: int, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """n samples whose mean and unbiased diagonal covariance are exactly those given."""
    raw = rng.standard_normal((n, len(mean)))
    raw -= raw.mean(0)
    white = np.linalg.qr(raw)[0] * np.sqrt(n - 1)
    white -= white.mean(0)
    return mean + white * deviation


def test_two_gaussians_by_hand(rng: Rng) -> None:
    """|μ₁ - μ₂|² + Σ (σ₁ - σ₂)² where the covariances are diagonal."""
    mean, other_mean = np.array([0.0, 1.0, 2.0]), np.array([3.0, 1.0, -2.0])
    deviation, other_deviation = np.array([1.0, 2.0, 0.5]), np.array([4.0, 2.0, 0.0])
    x, y = exact(rng, 50, mean, deviation), exact(rng, 80, other_mean, other_deviation)
    by_hand = (9 + 16) + (9 + 0.25)
    assert distance_of_sets(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(by_hand)
    paired = measure(RFID, x, exact(rng, 50, other_mean, other_deviation))
    assert paired.value == pytest.approx(by_hand, rel=1e-6)  # the features are float32
    assert (paired.n, paired.unit, paired.higher_is_better) == (50, "", False)


def features(rng: Rng, n: int, d: int, rank: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose covariances have decaying spectra, not aligned with the axes."""
    mix = rng.standard_normal((d, d))[: rank or d] / np.arange(1, (rank or d) + 1)[:, None]
    x = rng.standard_normal((n, rank or d)) @ mix + 1
    y = x + 0.3 * rng.standard_normal((n, rank or d)) @ mix
    return x.astype(np.float32), y.astype(np.float32)


def trusted(x: np.ndarray, y: np.ndarray) -> float:
    statistics = [fid_features_to_statistics(torch.from_numpy(side.astype(np.float64))) for side in (x, y)]
    return float(fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"])


@pytest.mark.parametrize(("n", "d", "rank"), [(200, 16, None), (30, 64, None), (64, 64, None), (100, 32, 5)])
@pytest.mark.parametrize("kind", [RFID, EfficientNetFrechet])
def test_equal_to_torch_fidelity(rng: Rng, kind: type[RFID], n: int, d: int, rank: int | None) -> None:
    x, y = features(rng, n, d, rank)
    # torch-fidelity takes square roots of rounding errors where a covariance is singular.
    tolerance = 1e-9 if n > d and rank is None else 1e-4
    assert measure(kind, x, y).value == pytest.approx(trusted(x, y), rel=tolerance)


@pytest.mark.parametrize(
    ("n", "d", "rank"), [(60, 61, None), (61, 60, None), (40, 10, None), (40, 90, None), (60, 40, 7)]
)
def test_both_ways_agree(rng: Rng, n: int, d: int, rank: int | None) -> None:
    x, y = (torch.from_numpy(side) for side in features(rng, n, d, rank))
    starts = np.array([0, 11, 20])
    gram, moment = (way(x, y, starts, PROCESSOR) for way in (GramFrechet, MomentFrechet))
    assert gram.value() == pytest.approx(moment.value(), rel=1e-8)
    for block, rest in enumerate((np.r_[11:n], np.r_[0:11, 20:n], np.r_[0:20])):
        direct = distance_of_sets(x[rest], y[rest])
        # Leaving out is allowed fewer digits: it serves the standard error.
        assert gram.without(block) == pytest.approx(direct, rel=1e-4)
        assert moment.without(block) == pytest.approx(direct, rel=1e-4)


def test_equal_sets_have_distance_zero(rng: Rng) -> None:
    for n, d in ((50, 8), (20, 64)):
        x, _ = features(rng, n, d)
        estimate = measure(RFID, x, x)
        assert estimate.value == pytest.approx(0, abs=1e-10)
        assert estimate.stderr == pytest.approx(0, abs=1e-6)


def noisy(rng: Rng, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Reconstruction = reference + noise of unit variance: the truth is d (√2 - 1)²."""
    x = rng.standard_normal((n, d))
    return x, x + rng.standard_normal((n, d))


def apart(rng: Rng, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Independent Gaussians of deviation 1 and 2, their means √0.5 apart: the truth is d + 0.5."""
    return rng.standard_normal((n, d)), 2 * rng.standard_normal((n, d)) + np.sqrt(0.5 / d)


@pytest.mark.parametrize(
    ("draw", "truth"), [(noisy, 4 * (np.sqrt(2) - 1) ** 2), (apart, 4.5)], ids=["paired", "independent"]
)
def test_interval_covers_the_truth(
    rng: Rng, draw: Callable[[Rng, int, int], tuple[np.ndarray, np.ndarray]], truth: float
) -> None:
    n, trials = 1000, 300
    blocks = np.sort(assign_blocks(np.arange(n)))
    sizes = np.bincount(blocks)
    covered, widths, values = 0, [], []
    for _ in range(trials):
        x, y = (torch.from_numpy(side) for side in draw(rng, n, 4))
        pairs = MomentFrechet(x, y, np.cumsum(sizes) - sizes, PROCESSOR)
        estimate = block_jackknife(pairs.value(), sizes, pairs.without)
        assert estimate.interval is not None and estimate.stderr is not None and estimate.value is not None
        covered += estimate.interval[0] <= truth <= estimate.interval[1]
        widths.append(estimate.stderr)
        values.append(estimate.value)
    # Two standard errors of a rate of 95% in 300 trials are 2.5%.
    assert 0.92 <= covered / trials <= 0.98
    assert np.mean(widths) == pytest.approx(np.std(values), rel=0.15)


def test_paired_interval_needs_pairs_left_out_together(rng: Rng) -> None:
    """A shared spread of the references must not widen the interval of what the reconstructions lost."""
    x, y = noisy(rng, 600, 4)
    shuffled = measure(RFID, x, y[rng.permutation(600)])
    paired = measure(RFID, x, y)
    assert paired.value == pytest.approx(shuffled.value)
    assert paired.stderr is not None and shuffled.stderr is not None
    assert paired.stderr < 0.8 * shuffled.stderr


def test_whole_groups_leave_together(rng: Rng) -> None:
    """Every sample four times over: the error must not shrink as if there were four times as many."""
    x, y = features(rng, 100, 8)
    once = measure(RFID, x, y)
    four = measure(RFID, np.repeat(x, 4, 0), np.repeat(y, 4, 0), groups=np.repeat(np.arange(100), 4).tolist())
    assert four.stderr == pytest.approx(once.stderr, rel=0.05)


def test_order_and_batches_do_not_matter(rng: Rng, cache: object) -> None:
    x, y = (torch.from_numpy(side) for side in features(rng, 60, 8))
    groups = torch.arange(60) // 3
    whole = RFID()
    whole.update(given(torch.arange(60), x, y, groups))
    expected = whole.compute()
    first, second = torch.randperm(60).split([23, 37])
    for order in ((first, second), (second, first)):
        states = []
        for part in order:
            states.append(RFID())
            for index in part.split(7):
                states[-1].update(given(index, x, y, groups))
        states[0].merge_state(states[1])
        assert states[0].compute() == expected


@pytest.mark.parametrize(
    ("n", "groups", "reason"),
    [(1, [0], "at least 2 samples"), (4, [0, 0, 0, 0], "a single group"), (3, [0, 0, 1], "too few to leave one out")],
)
def test_too_few_samples_say_so(rng: Rng, n: int, groups: list[int], reason: str) -> None:
    estimate = measure(RFID, *features(rng, n, 3), groups=groups)
    assert estimate.interval is None
    assert reason in (estimate.unavailable or estimate.method)
    assert (estimate.value is None) == (n < 2)


def test_nan_is_named_by_side_and_sample(rng: Rng) -> None:
    x, y = features(rng, 6, 3)
    y[4, 1] = np.nan
    with pytest.raises(FloatingPointError, match=r"1 of 6 inception features of the reconstruction.*samples 4"):
        measure(RFID, x, y)
