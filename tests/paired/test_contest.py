"""Which rows of a column are shown to be better, and on which samples."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hand_made import estimate, result
from paired_parts import AGAIN, METRIC, best, contest_of, order, ranks, table_of
from places import ROOT

from bench.contracts.stats import assign_blocks, block_jackknife, clustered_mean
from bench.leaderboard.ranking import rank
from bench.leaderboard.relative import relative
from bench.leaderboard.render import render
from bench.leaderboard.table import Table, build
from bench.paired.decision import quantile

CEILING = 101.07
HARD = [0, 3, 7, 10]
"""Clips on which one codec is silent."""


def two_columns(rows: dict[str, np.ndarray], groups: np.ndarray) -> Table:
    """A table with the same values in two metrics, as a ranking needs two."""
    return table_of(rows, groups, METRIC, AGAIN)


def test_a_lossless_system_stands_above_one_that_loses_a_little() -> None:
    """Equal on one image of 18; on the others one is lossless."""
    lossless = np.array([27.3, *[CEILING] * 17])
    lossy = np.array([27.3, *(46 + np.random.default_rng(0).normal(size=17))])
    table = two_columns({"lossy": lossy, "lossless": lossless}, np.arange(18))
    assert (order(table), best(table)) == (["lossless", "lossy"], {"lossless"})
    assert ranks(table) == {"lossless": "1", "lossy": "2"}


def test_a_codec_that_is_silent_on_the_hard_clips_is_no_better_for_it() -> None:
    clips = 4.49 + 0.05 * np.random.default_rng(1).normal(size=12)
    clips[HARD] = 1.67
    silent = clips.copy()
    silent[HARD] = np.nan
    table = two_columns({"silent": silent, "loud": clips}, np.arange(12))
    assert [str(row.cells[METRIC].number).split()[0] for row in table.rows] == ["3.56", "4.51"]
    assert (order(table), best(table)) == (["loud", "silent"], {"loud", "silent"})
    assert ranks(table) == {"loud": "1=", "silent": "1="}
    told = "best, order and ranks rest on the 8 of 12 samples that the compared rows share"
    assert told in render([table], "markdown")


def test_one_system_that_fails_on_nearly_all_takes_the_samples_from_nobody() -> None:
    values = np.random.default_rng(2).normal(size=12)
    lucky = np.full(12, np.nan)
    lucky[:3] = 9.0
    table = two_columns({"lucky": lucky, "a": values, "b": values - 1}, np.arange(12))
    assert (order(table), best(table)) == (["a", "b", "lucky"], {"a"})
    assert "not compared: it has a value on 3 of 12 samples" in render([table], "latex")
    assert rank(table, [METRIC, AGAIN]).left_out["lucky"].startswith("not compared in ")


def test_intervals_that_overlap_are_no_tie_where_all_photographs_agree() -> None:
    photographs = 25 + 4 * np.random.default_rng(3).normal(size=8)
    noise = np.random.default_rng(4).normal(size=(2, 8))
    table = two_columns({"a": photographs + 0.5 + 0.1 * noise[0], "b": photographs + 0.1 * noise[1]}, np.arange(8))
    assert best(table) == {"a"}
    assert ranks(table) == {"a": "1", "b": "2"}


def test_what_is_nowhere_better_than_a_worse_row_is_worse() -> None:
    """One large loss makes the error of its mean large, and no t tells it from the best."""
    steady = 29 + 0.01 * np.random.default_rng(5).normal(size=8)
    broken = steady.copy()
    broken[2] = 0.0
    contest = contest_of({"top": np.full(8, 30.0), "steady": steady, "broken": broken})
    assert contest.best == {"key-top-discrete"}
    top, lost = (contest.row[f"key-{name}-discrete"] for name in ("top", "broken"))
    assert contest.better[top, lost]
    assert not contest_of({"top": np.full(8, 30.0), "broken": broken}).better.any()


def test_best_and_ranks_never_contradict_each_other() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        base = rng.normal(size=10)
        rows = {name: base + rng.normal(scale=0.3, size=10) + 0.2 * i for i, name in enumerate("abcdef")}
        table = two_columns(rows, np.arange(10))
        firsts = {name for name, place in ranks(table).items() if place in ("1", "1=")}
        assert firsts == best(table)


def test_no_more_false_claims_than_stated() -> None:
    """Equal systems on eight photographs: claims about any one row are as rare as 5%."""
    false = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        crops = np.repeat(rng.normal(size=8), 3)
        noise = rng.normal(size=(6, 8)).repeat(3, axis=1) + 0.3 * rng.normal(size=(6, 24))
        contest = contest_of({str(i): crops + own for i, own in enumerate(noise)}, np.arange(8).repeat(3))
        false += bool(contest.better[0].any() or contest.better[:, 0].any())
    assert false / 400 < 0.06


def test_a_difference_has_the_interval_of_a_t_over_groups() -> None:
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(9), 3)
    one, other = rng.normal(size=(2, 27))
    contest = contest_of({"one": one, "other": other}, groups)
    gap = contest.gaps("key-one-discrete")["key-other-discrete"]
    plain = clustered_mean(other - one, groups)
    assert (gap.value - gap.half, gap.value + gap.half) == pytest.approx(plain.interval)


def jackknifed(values: np.ndarray, **fields: Any) -> Any:
    """A statistic of the whole set."""
    blocks = assign_blocks(np.arange(len(values)))
    found = block_jackknife(values.var(), np.bincount(blocks), lambda j: float(values[blocks != j].var()))
    return found.model_copy(update={"higher_is_better": False, **fields})


def test_sets_are_paired_by_their_replicates() -> None:
    one, noise = np.random.default_rng(7).normal(size=(2, 40))
    other = one + 0.05 * noise
    (table,) = build([result("one", rfid=jackknifed(one)), result("other", rfid=jackknifed(other))])
    gap = table.contests["rfid"].gaps("key-one-discrete")["key-other-discrete"]
    blocks = assign_blocks(np.arange(40))
    plain = block_jackknife(
        other.var() - one.var(), np.bincount(blocks), lambda j: float(other[blocks != j].var() - one[blocks != j].var())
    )
    assert (gap.value - gap.half, gap.value + gap.half) == pytest.approx(plain.interval)
    assert gap.paired


def test_replicates_of_another_error_pair_nothing() -> None:
    """Of several trainings the error is that of their spread."""
    values = np.random.default_rng(8).normal(size=40)
    spread = {"stderr": 0.3, "method": "mean of 3 trainings, t"}
    (table,) = build([result(name, rfid=jackknifed(values, **spread)) for name in ("a", "b")])
    gap = table.contests["rfid"].gaps("key-a-discrete")["key-b-discrete"]
    assert gap.half == pytest.approx(quantile(4) * 0.3 * np.sqrt(2))
    assert not gap.paired
    assert "compared by the rows' own errors" in render([table], "markdown")


def test_the_spread_of_trainings_is_in_the_error_of_a_difference() -> None:
    values = np.random.default_rng(9).normal(size=30)
    plain = contest_of({"a": values, "b": values + 0.1})
    table = table_of({"a": values, "b": values + 0.1}, stderr=0.5, method="mean, t; 3 trainings, variances added")
    assert plain.best == {"key-b-discrete"}
    assert best(table) == {"a", "b"}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (estimate("ssim", 0.5, 0.1), estimate("ssim", 0.6, 0.1), "compared by the rows' own errors"),
        (estimate("ssim", 0.5, stderr=None), estimate("ssim", 0.6, stderr=None), "no difference has a known error"),
        (estimate("ssim", 0.5, 0.1, failures=3), estimate("ssim", 0.6, 0.1), "no two rows rest on the same samples"),
    ],
)
def test_what_cannot_be_paired_is_told(first: Any, second: Any, told: str) -> None:
    (table,) = build([result("a", ssim=first), result("b", ssim=second)])
    assert told in render([table], "terminal", width=300)
    assert best(table, "ssim") == ({"a", "b"} if "own errors" in told else set())


def test_a_thousand_rows_are_compared_in_seconds() -> None:
    rng = np.random.default_rng(10)
    photographs = rng.normal(size=29)
    rows = {f"r{i}": photographs + 0.01 * i + 0.3 * rng.normal(size=29) for i in range(1000)}
    contest = contest_of(rows, np.arange(29) % 8)
    assert 1 <= len(contest.best) < 1000
    assert contest.better.any()


def test_differences_in_json_and_csv() -> None:
    values = np.random.default_rng(11).normal(size=12)
    table = table_of({"a": values, "b": values + 0.25 + 1e-3 * np.arange(12)})
    to_a = relative([table], "a")
    (tree,) = json.loads(render([table], "json", references=to_a))["tables"]
    (row,) = (row for row in tree["rows"] if row["label"] == "b")
    found = row["differences"][METRIC]
    assert found["difference"] == pytest.approx(0.2555)
    assert found["difference_low"] < 0.2555 < found["difference_high"]
    assert found["difference_paired"]
    line = render([table], "csv", references=to_a).splitlines()[1]
    assert line.endswith(",a," + ",".join(str(found[f"difference{end}"]) for end in ("", "_low", "_high")) + ",true")


def test_the_command_shows_differences_to_a_row_that_there_is(bench) -> None:
    run = ROOT / "leaderboards" / "image-recon"
    shown = bench("leaderboard", run, "--relative-to", "klt-vq", "--format", "latex").stdout
    assert r"$\Delta$ PSNR" in shown
    refused = bench("leaderboard", run, "--relative-to", "klt-vk", code=2)
    assert "no row of these tables is called 'klt-vk'; did you mean klt-vq" in refused.stderr
