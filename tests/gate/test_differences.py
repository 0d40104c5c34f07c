"""The difference of one metric, from what is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_parts import GROUPS, exactly, mean_of, spread_of, values, write

from bench.contracts.stats import Estimate, assign_blocks, block_jackknife
from bench.gate.differences import Difference, difference
from bench.gate.pairing import match, read

BEFORE, AFTER = values(0), values(0) + 0.1 * values(1, 1.0)


def between(tmp_path: Path, metric: str, before: dict[str, Any], after: dict[str, Any]) -> Difference:
    for side, given in (("before", before), ("after", after)):
        write(tmp_path / side, **given)
    (pair,) = match(read(tmp_path / "before"), read(tmp_path / "after")).pairs
    return difference(pair, metric)


def psnr(values: np.ndarray) -> dict[str, Any]:
    groups = GROUPS[: len(values)]
    return {"metrics": {"psnr": mean_of(values, "psnr", groups)}, "samples": {"psnr": values}}


def test_samples_are_paired(tmp_path: Path) -> None:
    found = between(tmp_path, "psnr", psnr(BEFORE), psnr(AFTER))
    assert found.value == pytest.approx((AFTER - BEFORE).mean())
    assert found.interval is not None
    assert found.interval[1] - found.interval[0] < 1  # of the values themselves it is seven
    assert found.method.startswith("paired over 8 groups")


def test_blocks_are_paired_as_if_the_difference_had_been_jackknifed(tmp_path: Path) -> None:
    block = assign_blocks(GROUPS)
    textbook = block_jackknife(
        AFTER.var() - BEFORE.var(),
        np.bincount(block),
        lambda j: float(AFTER[block != j].var() - BEFORE[block != j].var()),
    )
    sides = ({"metrics": {"rfid": spread_of(side, "rfid")}} for side in (BEFORE, AFTER))
    found = between(tmp_path, "rfid", *sides)
    assert found.interval == pytest.approx(textbook.interval, rel=1e-9)
    assert found.method == "paired jackknife over 8 blocks"


@pytest.mark.parametrize(
    "before",
    [
        {"metrics": {"rfid": spread_of(BEFORE, "rfid").model_copy(update={"replicates": None, "blocks": None})}},
        {"metrics": {"rfid": spread_of(BEFORE, "rfid")}, "dataset": {"skipped": {"s1": "damaged"}}},
    ],
    ids=["measured before replicates were kept", "other samples"],
)
def test_what_cannot_be_paired_says_so_and_is_no_surer_than_its_parts(tmp_path: Path, before: dict[str, Any]) -> None:
    found = between(tmp_path, "rfid", before, {"metrics": {"rfid": spread_of(AFTER, "rfid")}})
    assert found.method.startswith("not paired: ")
    assert found.interval is not None
    assert found.interval[1] - found.interval[0] > 2 * (before["metrics"]["rfid"].stderr or 0)


def test_replicates_of_another_error_are_not_paired(tmp_path: Path) -> None:
    """The mean of several trainings has the error of their spread, whatever one of them had."""
    spread = {"stderr": 0.3, "method": "mean of 3 trainings, t"}
    sides = ({"metrics": {"rfid": spread_of(side, "rfid").model_copy(update=spread)}} for side in (BEFORE, AFTER))
    found = between(tmp_path, "rfid", *sides)
    assert found.method == "not paired: its parts are not kept"
    assert found.stderr == pytest.approx(0.3 * 2**0.5)


def test_values_that_are_not_the_metrics_own_samples_are_not_paired(tmp_path: Path) -> None:
    weighted = mean_of(BEFORE + 1, "psnr").model_copy(update={"method": "ratio of totals, t"})
    pooled = {"metrics": {"psnr": weighted}, "samples": {"psnr": BEFORE}}
    assert between(tmp_path, "psnr", pooled, psnr(AFTER)).method.startswith(
        "not paired: not a plain mean of its samples"
    )


def test_rates_are_paired_by_their_counts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(5, 20, len(GROUPS))

    def wer(share: float) -> dict[str, Any]:
        errors = rng.binomial(words, share)
        rate = errors / words
        rate[3] = np.nan  # nobody knows what was said
        counted = np.isfinite(rate)
        value = float(errors[counted].sum() / words[counted].sum())
        estimate = Estimate(value=value, stderr=0.1, higher_is_better=False)
        return {"metrics": {"wer": estimate}, "samples": {"wer": rate, "wer_errors": errors, "wer_length": words}}

    before, after = wer(0.2), wer(0.3)
    found = between(tmp_path, "wer", before, after)
    assert found.value == pytest.approx(after["metrics"]["wer"].value - before["metrics"]["wer"].value)
    assert found.n == len(GROUPS) - 1
    assert found.lost == ()


def test_samples_of_one_side_are_counted_and_left_out(tmp_path: Path) -> None:
    found = between(tmp_path, "psnr", psnr(BEFORE), psnr(AFTER[:-3]))
    assert (found.n, found.note) == (len(GROUPS) - 3, "3 samples only before")
    assert found.value == pytest.approx((AFTER - BEFORE)[:-3].mean())


@pytest.mark.parametrize(
    ("was", "now", "lost"),
    [(25.0, np.nan, True), (np.inf, 25.0, True), (25.0, np.inf, False), (np.nan, 25.0, False), (np.inf, np.inf, False)],
)
def test_a_value_that_is_gone_is_no_gap(tmp_path: Path, was: float, now: float, lost: bool) -> None:
    before, after = BEFORE.copy(), BEFORE.copy()
    before[2], after[2] = was, now
    found = between(tmp_path, "psnr", psnr(before), psnr(after))
    assert found.lost == (("s2",) if lost else ())
    assert found.n == len(GROUPS) - 1


def test_rounding_is_no_change(tmp_path: Path) -> None:
    noise = 1 + 1e-7 * np.random.default_rng(0).normal(size=len(BEFORE))
    for metric, sides in (
        ("psnr", (psnr(BEFORE), psnr(BEFORE * noise))),
        ("rfid", ({"metrics": {"rfid": spread_of(side, "rfid")}} for side in (BEFORE, BEFORE * noise))),
        ("peak_memory", ({"metrics": {"peak_memory": exactly(v, "peak_memory")}} for v in (50.0, 50.00001))),
    ):
        assert not between(tmp_path, metric, *sides).moved
