"""Inception Score against values worked out by hand and torch-fidelity, and its interval against the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from feature_parts import given, measure
from torch_fidelity.metric_isc import isc_features_to_metric

from bench.metrics.sets.inception_score import InceptionScore

Rng = np.random.Generator


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("logits", "score"),
    [
        (1000.0 * np.eye(5), 5.0),  # every image of a class of its own, without doubt; p log p of p = 0 is 0
        (np.zeros((5, 7)), 1.0),  # nothing is known of any image
        (np.log([[0.9, 0.1], [0.1, 0.9]]), 0.9**0.9 * 0.1**0.1 * 2),
    ],
)
def test_by_hand(logits: np.ndarray, score: float) -> None:
    assert measure(InceptionScore, logits, logits, splits=1).value == pytest.approx(score)


@pytest.mark.parametrize("n", [10, 57, 400])
@pytest.mark.parametrize("settings", [{}, {"splits": 4, "seed": 1}, {"shuffle": False}])
def test_equal_to_torch_fidelity(rng: Rng, n: int, settings: dict[str, Any]) -> None:
    logits = (3 * rng.standard_normal((n, 50))).astype(np.float32)
    estimate = measure(InceptionScore, np.zeros((n, 50)), logits, **settings)
    trusted = isc_features_to_metric(
        torch.from_numpy(logits), settings.get("splits", 10), settings.get("shuffle", True), settings.get("seed", 2020)
    )
    assert estimate.value == pytest.approx(trusted["inception_score_mean"], rel=1e-12)
    largest = -(-n // settings.get("splits", 10))
    assert f"bound the score at {largest}" in estimate.note


def test_interval_covers_the_truth(rng: Rng) -> None:
    """Images of two kinds with p = (.9, .1) and (.2, .8), equally likely: exp(H(.55, .45) - mean entropy)."""
    kinds = np.log([[0.9, 0.1], [0.2, 0.8]])
    entropy = [-(row @ np.log(row)) for row in (np.array([0.9, 0.1]), np.array([0.2, 0.8]), np.array([0.55, 0.45]))]
    truth = np.exp(entropy[2] - (entropy[0] + entropy[1]) / 2)
    n, trials, covered = 2000, 300, 0
    for _ in range(trials):
        share = rng.integers(0, 2, n)
        logits = kinds[share]
        estimate = measure(InceptionScore, logits, logits, splits=2, groups=range(n))
        assert estimate.interval is not None
        covered += estimate.interval[0] <= truth <= estimate.interval[1]
    assert 0.91 <= covered / trials <= 0.99


def test_order_and_batches_do_not_matter(rng: Rng) -> None:
    logits = torch.from_numpy(rng.standard_normal((60, 6))).float()
    groups = torch.arange(60) // 2
    whole = InceptionScore()
    whole.update(given(torch.arange(60), logits, logits, groups))
    expected = whole.compute()
    first, second = torch.randperm(60).split([23, 37])
    for order in ((first, second), (second, first)):
        states = []
        for part in order:
            states.append(InceptionScore())
            for index in part.split(7):
                states[-1].update(given(index, logits, logits, groups))
        states[0].merge_state(states[1])
        assert states[0].compute() == expected


def test_too_few_samples_say_so(rng: Rng) -> None:
    estimate = measure(InceptionScore, rng.standard_normal((9, 3)), rng.standard_normal((9, 3)))
    assert estimate.value is None
    assert "9 samples do not fill 10 splits" in (estimate.unavailable or "")
    single = measure(InceptionScore, *[rng.standard_normal((10, 3))] * 2, groups=[0] * 10)  # type: ignore[misc]
    assert single.value is not None and single.interval is None and "single group" in single.method
