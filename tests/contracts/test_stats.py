from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import t

from bench.contracts.stats import MAX_BLOCKS, Estimate, assign_blocks, block_jackknife, clustered_mean, interval_around

ONE_VALUE_A_GROUP = np.random.default_rng(0).normal(3.0, 2.0, 50)


def jackknife_of_mean(values: np.ndarray, blocks: np.ndarray) -> Estimate:
    return block_jackknife(values.mean(), np.bincount(blocks), lambda j: float(values[blocks != j].mean()))


def test_clustered_mean_by_hand() -> None:
    """Groups {0, 2}, {5} and {6} around the mean 13/4: their residuals sum to -4.5, 1.75 and 2.75."""
    estimate = clustered_mean([0.0, 2.0, 5.0, 6.0], [7, 7, 3, 9])
    mean = 13 / 4
    stderr = math.sqrt(3 / 2 * (4.5**2 + 1.75**2 + 2.75**2)) / 4
    assert (estimate.value, estimate.n, estimate.failures) == (mean, 4, 0)
    assert estimate.stderr == pytest.approx(stderr, rel=1e-15)
    assert estimate.interval == pytest.approx((mean - 4.302652729749462 * stderr, mean + 4.302652729749462 * stderr))
    assert estimate.method == "mean, cluster-robust t over 3 groups"


def test_clustered_mean_of_single_samples_is_the_textbook_one() -> None:
    estimate = clustered_mean(ONE_VALUE_A_GROUP, np.arange(50))
    assert estimate.stderr == pytest.approx(ONE_VALUE_A_GROUP.std(ddof=1) / math.sqrt(50), rel=1e-12)
    assert estimate.interval == pytest.approx(
        t.interval(0.95, 49, ONE_VALUE_A_GROUP.mean(), estimate.stderr), rel=1e-12
    )


def test_copies_of_a_sample_add_no_certainty() -> None:
    once = clustered_mean(ONE_VALUE_A_GROUP, np.arange(50))
    often = clustered_mean(ONE_VALUE_A_GROUP.repeat(10), np.arange(50).repeat(10))
    assert often.stderr == pytest.approx(once.stderr, rel=1e-12)
    assert often.interval == pytest.approx(once.interval, rel=1e-12)


@pytest.mark.parametrize("undefined", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_failures(undefined: float) -> None:
    estimate = clustered_mean([1.0, undefined, 3.0], [0, 1, 2])
    assert (estimate.value, estimate.n, estimate.failures) == (2.0, 2, 1)
    assert clustered_mean([undefined], [0]).unavailable == "undefined on every sample"


def test_no_interval_without_two_groups() -> None:
    estimate = clustered_mean([1.0, 2.0], [4, 4])
    assert (estimate.value, estimate.stderr, estimate.interval) == (1.5, None, None)
    assert "single group" in estimate.method
    assert block_jackknife(1.5, [2], lambda j: 0.0).interval is None
    assert clustered_mean([], []).unavailable == "no samples"


@pytest.mark.parametrize("a_block", [1, 5])
def test_jackknife_of_a_mean_over_equal_blocks_is_the_textbook_error(a_block: int) -> None:
    means = ONE_VALUE_A_GROUP.reshape(-1, a_block).mean(1)
    estimate = jackknife_of_mean(ONE_VALUE_A_GROUP, np.arange(50) // a_block)
    assert estimate.stderr == pytest.approx(means.std(ddof=1) / math.sqrt(len(means)), rel=1e-12)
    assert estimate.n == 50


def test_jackknife_over_unequal_blocks_by_hand() -> None:
    """For a mean τ_j is the block's mean: SE² = (1/g) Σ (mean_j - mean)² / (n/m_j - 1)."""
    values, blocks = np.array([1.0, 3.0, 4.0, 10.0]), np.array([0, 0, 0, 1])
    means, mean = (8 / 3, 10.0), 4.5
    expected = math.sqrt(((means[0] - mean) ** 2 / (4 / 3 - 1) + (means[1] - mean) ** 2 / (4 - 1)) / 2)
    assert jackknife_of_mean(values, blocks).stderr == pytest.approx(expected, rel=1e-12)


def test_jackknife_of_what_no_block_changes_is_exactly_zero() -> None:
    estimate = block_jackknife(0.1, [3, 5, 7], lambda j: 0.1)
    assert (estimate.stderr, estimate.interval) == (0.0, (0.1, 0.1))


@pytest.mark.parametrize("method", [clustered_mean, jackknife_of_mean])
def test_interval_covers_at_its_nominal_rate(method: object) -> None:
    """Clustered samples, 2000 times: 95% within three standard errors of a proportion, 1.5 points."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), rng.integers(3, 9, 12))
    covered = 0
    for _ in range(2000):
        values = rng.normal(size=12)[groups] + rng.normal(size=len(groups))
        interval = method(values, groups).interval  # type: ignore[operator]
        covered += interval[0] <= 0 <= interval[1]
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_jackknife_covers_a_nonlinear_statistic() -> None:
    """The logarithm of a variance over 20 blocks of 100 normal samples, 1000 times."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(1000):
        parts = rng.normal(size=(MAX_BLOCKS, 100))
        first, second = parts.sum(1), (parts**2).sum(1)

        def log_variance(keep: np.ndarray, first: np.ndarray = first, second: np.ndarray = second) -> float:
            n = 100 * keep.sum()
            return math.log((second @ keep - (first @ keep) ** 2 / n) / (n - 1))

        estimate = block_jackknife(
            log_variance(np.ones(MAX_BLOCKS)), [100] * MAX_BLOCKS, lambda j: log_variance(1 - np.eye(MAX_BLOCKS)[j])
        )
        assert estimate.interval is not None
        covered += estimate.interval[0] <= 0 <= estimate.interval[1]
    assert covered / 1000 == pytest.approx(0.95, abs=0.02)


def test_blocks_keep_groups_whole_and_ignore_order() -> None:
    groups = np.random.default_rng(0).integers(0, 57, 500)
    blocks = assign_blocks(groups)
    assert set(blocks) == set(range(MAX_BLOCKS))
    assert all(len(set(blocks[groups == group])) == 1 for group in set(groups))
    shuffled = np.random.default_rng(1).permutation(500)
    np.testing.assert_array_equal(assign_blocks(groups[shuffled]), blocks[shuffled])
    np.testing.assert_array_equal(assign_blocks(np.array([5, 5, 9])), [0, 0, 1])


def test_estimates_survive_json() -> None:
    for estimate in (
        clustered_mean(ONE_VALUE_A_GROUP, np.arange(50)),
        Estimate(
            value=None, failures=3, unit="dB", higher_is_better=True, unavailable="no weights; run: bench fetch x"
        ),
    ):
        text = json.dumps(estimate.model_dump(mode="json"), allow_nan=False)
        assert Estimate.model_validate_json(text) == estimate
    with pytest.raises(ValueError, match="Extra inputs"):
        Estimate.model_validate({"value": 1.0, "sterr": 0.1})


def test_interval_is_that_of_students_t() -> None:
    assert interval_around(1.0, 0.5, 1) == pytest.approx((1 - 0.5 * 12.706204736432095, 1 + 0.5 * 12.706204736432095))
