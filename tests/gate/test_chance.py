"""How often chance is taken for a regression, and whether what is no chance is found."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from gate_parts import GROUPS, SIZES, values
from scipy.stats import nct, t

from bench.contracts.stats import clustered_mean
from bench.gate.bootstrap import MOST_GROUPS, GroupBootstrap
from bench.gate.flips import EXACT_GROUPS, westfall_young
from bench.gate.multiplicity import Adjusted, Evidence, adjust, holm
from bench.gate.power import POWER, groups_needed
from bench.metrics.bootstrap import ratio_of_sums

ONES = np.ones(len(GROUPS))


def mean_difference(before: np.ndarray, after: np.ndarray, groups: np.ndarray = GROUPS) -> GroupBootstrap:
    one = np.ones(len(before))
    return GroupBootstrap(np.stack([before, one], 1), np.stack([after, one], 1), groups)


def evidence(change: np.ndarray, threshold: float = 0.0) -> Evidence:
    """As the gate has it: against "no more than the threshold"."""
    found = mean_difference(np.zeros(len(change)), change)
    return Evidence(found.exceeds(threshold, 1), found.excess(threshold, 1), "photographs")


def p_value(change: np.ndarray, threshold: float = 0.0) -> float:
    """Of one comparison alone."""
    return adjust([evidence(change, threshold)])[0].p


def test_of_means_it_is_the_cluster_robust_mean_of_the_differences() -> None:
    before, change = values(0), values(1, 0.1)
    found, textbook = mean_difference(before, before + change), clustered_mean(change, GROUPS)
    assert found.value == pytest.approx(textbook.value, rel=1e-12)
    assert found.stderr == pytest.approx(textbook.stderr, rel=1e-9)


def test_of_rates_it_is_the_difference_of_the_rates_over_all_words() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(5, 20, len(GROUPS))
    wrong = [rng.binomial(words, share) for share in (0.2, 0.4)]
    found = GroupBootstrap(*(np.stack([errors, words], 1) for errors in wrong), GROUPS)  # type: ignore[call-arg]
    assert found.value == pytest.approx(wrong[1].sum() / words.sum() - wrong[0].sum() / words.sum())
    # Against nothing, it is the standard error of one rate, which another bootstrap has too.
    alone = GroupBootstrap(np.stack([0 * words, words], 1), np.stack([wrong[1], words], 1), GROUPS)
    assert alone.stderr == pytest.approx(ratio_of_sums(wrong[1], words, GROUPS).stderr, rel=0.25)


def test_direction_and_threshold_are_one_axis() -> None:
    change = values(3, 0.5)
    worse, better = mean_difference(0 * change, change), mean_difference(change, 0 * change)
    assert worse.exceeds(0.3, 1) == pytest.approx(better.exceeds(0.3, -1), abs=2e-4)
    np.testing.assert_allclose(worse.excess(0.3, 1), better.excess(0.3, -1))
    assert worse.excess(0.3, 1).mean() == pytest.approx(worse.value - 0.3)
    assert worse.exceeds(-9, 1) < worse.exceeds(0.3, 1) < worse.exceeds(9, 1)


def test_a_change_of_no_variance_is_certain() -> None:
    same = mean_difference(values(), values() + 0.25)
    assert (same.stderr, same.interval) == (0.0, (same.value, same.value))
    assert (same.exceeds(0.2, 1), same.exceeds(0.3, 1), same.exceeds(0.0, -1)) == (0.0, 1.0, 1.0)


def test_an_interval_that_says_nothing_is_left_open() -> None:
    one_moved = mean_difference(values(), values() + np.where(GROUPS == 2, 1.0 + 0.1 * values(1, 0.0), 0.0))
    assert one_moved.interval is None
    assert one_moved.exceeds(0.0, 1) > 0.05


def test_many_groups_are_dealt_out_and_say_the_same() -> None:
    groups = np.arange(1000)
    change = np.random.default_rng(0).normal(0.1, 1, 1000)
    found = mean_difference(np.zeros(1000), change, groups)
    assert found.groups == MOST_GROUPS
    assert found.interval == pytest.approx(clustered_mean(change, groups).interval, abs=0.02)


def test_flips_are_all_that_there_are() -> None:
    excess = np.array([0.5, -0.1, 2.0, 0.3])
    sums = [np.dot(signs, excess) for signs in product([1, -1], repeat=4)]
    assert westfall_young(excess[None]) == np.mean([total >= excess.sum() - 1e-12 for total in sums])
    assert westfall_young(np.array([[1e-3, 5.0, 0.01]])) == 1 / 8  # however unequal, all of them are worse
    many = np.full((1, EXACT_GROUPS + 6), 1.0)
    assert westfall_young(many) < 1e-4
    assert westfall_young(-many) == 1.0


def test_joint_flips_by_hand() -> None:
    """Largest first; each against itself and those behind it, under the same flips; never below the one before."""
    rows = np.random.default_rng(3).normal(0.5, 1, (6, 5))
    flips = np.array(list(product([1, -1], repeat=5)))
    order, expected, highest = np.argsort(-rows.sum(1)), np.zeros(6), 0.0
    for rank, row in enumerate(order):
        behind = np.max([flips @ rows[k] for k in order[rank:]], axis=0)
        highest = max(highest, float(np.mean(behind >= rows[row].sum() - 1e-9)))
        expected[row] = highest
    np.testing.assert_allclose(westfall_young(rows), expected)


def test_what_all_share_costs_nothing_for_their_number() -> None:
    """However many comparisons: all flips but the one that is there make it less."""
    shared = np.random.default_rng(4).exponential(size=8) * np.linspace(1, 9, 40)[:, None]
    noise = 0.1 * np.random.default_rng(5).normal(size=(20, 8))
    assert westfall_young(shared).tolist() == [1 / 256] * 40
    assert westfall_young(np.concatenate([shared, noise]))[:40].max() == 1 / 256


@pytest.mark.parametrize("shape", ["normal", "heavy"])
@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9], ids=["unrelated", "related", "nearly the same"])
def test_many_comparisons_raise_no_more_false_alarms(shape: str, shared: float) -> None:
    """32 comparisons of eight groups in which nothing got worse, their sizes very different, 800 times."""
    rng = np.random.default_rng(6)
    draw = {"normal": rng.normal, "heavy": lambda size: rng.standard_t(3, size=size)}[shape]
    lowest = []
    for _ in range(800):
        effects = shared * draw(size=(1, 8)) + (1 - shared) * draw(size=(32, 8))  # type: ignore[operator]
        lowest.append(westfall_young(effects * np.exp(rng.normal(size=(32, 1)))).min())
    assert np.mean(np.array(lowest) <= 0.05) <= 0.05 + 0.023  # three standard errors
    assert np.mean(np.array(lowest) <= 0.025) <= 0.025 + 0.017


@pytest.mark.parametrize("shared", [0.0, 0.9], ids=["unrelated", "nearly the same"])
def test_means_and_flips_together_keep_the_level(shared: float) -> None:
    """32 comparisons of eight photographs of unequal size, 200 times."""
    rng = np.random.default_rng(8)
    alarms = 0
    for _ in range(200):
        effects = (shared * rng.normal(size=(1, 8)) + (1 - shared) * rng.normal(size=(32, 8)))[:, GROUPS]
        found = adjust([evidence(each + 0.3 * rng.normal(size=len(GROUPS))) for each in effects])
        alarms += min(each.p for each in found) <= 0.05
    assert alarms <= 19  # 10 and three standard errors


@pytest.mark.parametrize("shape", ["normal", "heavy", "skewed"])
def test_false_alarms_are_as_rare_as_stated(shape: str) -> None:
    """Eight groups of unequal size in which nothing got worse on average, 400 times at two levels."""
    rng = np.random.default_rng(5)
    alarms = []
    for _ in range(400):
        effect = {
            "normal": lambda: rng.normal(size=len(SIZES)),
            "heavy": lambda: rng.standard_t(3, size=len(SIZES)),
            "skewed": lambda: rng.exponential(size=len(SIZES)) - 1,
        }[shape]()
        alarms.append(p_value(effect[GROUPS] + 0.3 * rng.normal(size=len(GROUPS))))
    # 5% and three standard errors of a proportion; the far tail, where Holm looks, likewise.
    assert np.mean(np.array(alarms) <= 0.05) <= 0.05 + 0.033
    assert np.mean(np.array(alarms) <= 0.005) <= 0.005 + 0.011


def test_small_but_consistent_is_beyond_chance() -> None:
    rng = np.random.default_rng(1)
    alike = 0.02 * (1 + 0.2 * rng.normal(size=len(SIZES)))[GROUPS]
    assert p_value(alike, threshold=0.005) < 0.05 / 100  # so that it is found among a hundred comparisons too
    uneven = 0.02 * np.array([1, 1, 1, 1, 1, 1, 30, 1])[GROUPS]
    assert p_value(uneven, threshold=0.005) == pytest.approx(2 / 2 ** len(SIZES))


UP = np.ones(8)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ([Evidence(0.01), Evidence(0.04)], [Adjusted(0.02), Adjusted(0.04)]),  # Holm alone, nothing paid for flips
        ([Evidence(0.001, UP, "a")], [Adjusted(0.002)]),
        ([Evidence(0.5, UP, "a")], [Adjusted(2 / 256, by_flips=True)]),
        ([Evidence(0.5, UP, "a"), Evidence(0.5, UP, "a")], [Adjusted(2 / 256, by_flips=True)] * 2),
        ([Evidence(0.5, UP, "a"), Evidence(0.5, UP, "b")], [Adjusted(4 / 256, by_flips=True)] * 2),
        # One of two has flips: they have a quarter of the level, its mean a quarter, the other's a half.
        ([Evidence(0.5, UP, "a"), Evidence(0.01)], [Adjusted(4 / 256, by_flips=True), Adjusted(0.02)]),
        ([Evidence(0.001, UP, "a"), Evidence(0.01)], [Adjusted(0.004), Adjusted(0.01 * 4 / 3)]),
    ],
)
def test_the_level_is_dealt_out_once(found: list[Evidence], expected: list[Adjusted]) -> None:
    for got, wanted in zip(adjust(found), expected, strict=True):
        assert (got.p, got.by_flips) == (pytest.approx(wanted.p), wanted.by_flips)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    # By p/w: 0.02, 0.02, 0.03, of 2.5, 1.5 and 0.5 that are left.
    assert holm([0.02, 0.02, 0.015], [1, 1, 0.5]) == pytest.approx([0.05, 0.05, 0.05])


@pytest.mark.parametrize("ratio", [0.7, 2.0, 10.0])
@pytest.mark.parametrize("level", [0.05, 0.05 / 60])
def test_so_many_groups_find_a_difference_as_often_as_stated(ratio: float, level: float) -> None:
    needed = groups_needed(1.0, ratio / np.sqrt(2), 2, level)
    assert needed is not None
    powers = [nct.sf(t.isf(level, n - 1), n - 1, np.sqrt(n) / ratio) for n in (needed - 2, needed + 1)]
    assert powers[0] < POWER < powers[1]
    assert groups_needed(1e-9, 1.0, 8, level) is None
