"""What stands in a table, in which order, and what is best."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hand_made import estimate, protocol, result

from bench.contracts.results import Result
from bench.errors import BenchError
from bench.leaderboard.table import Table, build


def only(results: list[Result]) -> Table:
    (table,) = build(results)
    return table


def labels(table: Table) -> list[str]:
    return [row.label for row in table.rows]


def best(table: Table, metric: str) -> list[str]:
    return [row.label for row in table.rows if metric in row.cells and row.cells[metric].best]


def column(table: Table, metric: str) -> list[str]:
    return [str(row.cells[metric].number or row.cells[metric].lacking) for row in table.rows if not row.failed]


def test_another_fingerprint_is_another_table() -> None:
    other = protocol(settings={"crop": 128})
    tables = build([result("a", psnr=1.0), result("a", psnr=2.0, protocol=other), result("b", psnr=3.0)])
    assert sorted(labels(table) for table in tables) == [["a"], ["b", "a"]]
    assert [table.line for table in tables] == sorted({protocol().line(), other.line()})


def test_presets_with_the_same_choices_share_a_table_that_names_both() -> None:
    table = only([result("a", psnr=1.0), result("b", psnr=2.0, protocol=protocol(preset="adm"))])
    assert "protocol adm, default [" in table.line


def test_a_fingerprint_that_is_not_the_protocols_is_refused() -> None:
    with pytest.raises(BenchError, match=r"result of a: its fingerprint is 0123.* measure it again"):
        build([result("a", psnr=1.0).model_copy(update={"fingerprint": "0123"})])


@pytest.mark.parametrize("facts", [{"unit": "bel"}, {"higher_is_better": False}])
def test_a_value_in_another_unit_or_direction_than_most_is_left_out(facts: dict[str, Any]) -> None:
    rows = [result("a", psnr=1.0), result("b", psnr=estimate("psnr", 9.0, **facts), ssim=0.5), result("c", psnr=2.0)]
    for order in (rows, rows[::-1]):
        table = only(order)
        shown = dict(zip(labels(table), column(table, "psnr"), strict=True))
        assert (shown["a"], shown["c"]) == ("1", "2")
        assert "results of one protocol disagree" in shown["b"]
        assert "raise the metric's version" in shown["b"]
        assert (best(table, "psnr"), str(table.rows[2].cells["ssim"].number)) == (["c"], "0.500")


def test_an_unavailable_value_need_not_know_its_unit_or_direction() -> None:
    table = only([result("a", psnr=1.0), result("b", psnr=estimate("psnr", None, unit="", higher_is_better=None))])
    assert [(c.unit, c.arrow) for c in table.columns] == [("dB", "↑")]


def test_rows_are_ordered_by_kind_then_by_the_first_quality_metric() -> None:
    table = only(
        [
            result("jpeg", "bytes", psnr=40.0),
            result("vq", psnr=24.0),
            result("kl", "continuous", psnr=33.0),
            result("broken", error=("ValueError", "no")),
            result("fsq", psnr=25.0),
            result("none", psnr="no reference", ssim=0.5),
            result("?", "", psnr=50.0),
        ]
    )
    assert labels(table) == ["fsq", "vq", "none", "broken", "kl", "jpeg", "?"]


def test_lower_is_better_orders_and_picks_the_other_way() -> None:
    table = only([result("a", rfid=3.0, ssim="missing"), result("b", rfid=2.0, ssim="missing")])
    assert (labels(table), best(table, "rfid")) == (["b", "a"], ["b"])


def test_columns_go_from_quality_to_cost_and_unknown_metrics_after_the_known_of_quality() -> None:
    names = ["peak_memory", "codebook_utilization_joint", "codebook_utilization_level_10", "psnr", "zeta", "alpha"]
    names += ["codebook_utilization_level_9", "codebook_utilization", "fd_efficientnet_lite0"]
    table = only([result("a", **dict[str, Any].fromkeys(names, 1.0))])  # type: ignore[arg-type]
    assert [c.metric for c in table.columns] == [
        *("psnr", "fd_efficientnet_lite0", "alpha", "zeta"),
        *("codebook_utilization", "codebook_utilization_level_9", "codebook_utilization_level_10"),
        *("codebook_utilization_joint", "peak_memory"),
    ]
    assert [c.heading.title for c in table.columns][3:6] == ["zeta", "Utilization", "Utilization (level 9)"]


@pytest.mark.parametrize(
    ("values", "winners"),
    [
        ({"a": (24.3, 0.5), "b": (24.5, 0.5), "c": (29.0, 0.5)}, ["c"]),
        ({"a": (24.3, 0.5), "b": (24.5, 0.5), "c": (20.0, 0.5)}, ["b", "a"]),
        ({"a": (24.3, 5.2), "b": (25.3, 0.052)}, ["b", "a"]),
        ({"a": 24.0, "b": 24.1}, ["b"]),
        ({"a": (24.0, 0.5), "b": "missing"}, []),
    ],
)
def test_the_best_and_those_that_cannot_be_told_from_it_are_marked(
    values: dict[str, tuple[float, float] | str], winners: list[str]
) -> None:
    assert best(only([result(name, psnr=value) for name, value in values.items()]), "psnr") == winners


def test_nothing_is_best_without_a_direction() -> None:
    assert best(only([result("a", tokens_per_image=1.0), result("b", tokens_per_image=2.0)]), "tokens_per_image") == []


@pytest.mark.parametrize("change", [{"device": "Example GPU"}, {"batch_size": 64}])
def test_speed_has_no_best_across_setups_but_quality_has(change: dict[str, Any]) -> None:
    given: dict[str, Any] = {"psnr": 1.0, "encode_images_per_second": 10.0}
    same = only([result("a", **given), result("b", psnr=2.0, encode_images_per_second=20.0)])
    assert (best(same, "encode_images_per_second"), list(same.setups)) == (["b"], ["A"])
    mixed = only([result("a", **given), result("b", psnr=2.0, encode_images_per_second=20.0, **change)])
    assert (best(mixed, "encode_images_per_second"), best(mixed, "psnr")) == ([], ["b"])
    assert sorted((row.label, row.setup) for row in mixed.rows) in ([("a", "A"), ("b", "B")], [("a", "B"), ("b", "A")])


def test_a_setup_without_values_does_not_keep_the_others_from_being_compared() -> None:
    given = [result(name, peak_memory=value) for name, value in (("a", 1.0), ("b", 2.0))]
    assert best(only([*given, result("c", device="Example GPU", peak_memory="unknown")]), "peak_memory") == ["a"]


def test_the_same_key_is_one_row_that_of_success_then_the_latest() -> None:
    given = [
        result("a", key="k", psnr=1.0, finished="2026-01-01T00:00:00Z"),
        result("a", key="k", psnr=2.0, finished="2026-01-02T00:00:00Z"),
        result("a", key="k", error=("E", "x"), finished="2026-01-03T00:00:00Z"),
    ]
    for order in (given, given[::-1]):
        assert column(only(order), "psnr") == ["2"]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({"revision": "abc"}, {"revision": ""}, ["a (abc)", "a (none)"]),
        ({}, {"device": "Example GPU"}, ["a (Example CPU)", "a (Example GPU)"]),
        ({}, {"batch_size": 1}, ["a (Example CPU, batch size 1)", "a (Example CPU, batch size 8)"]),
        ({}, {"started": "2026-05-06T00:00:00Z"}, ["a (2026-01-02)", "a (2026-05-06)"]),
        ({}, {"started": "2026-01-02T09:00:00Z"}, ["a (2026-01-02T03:04:05Z)", "a (2026-01-02T09:00:00Z)"]),
        ({}, {}, ["a (k1)", "a (k2)"]),
    ],
)
def test_namesakes_are_both_there_and_told_apart(one: dict[str, Any], other: dict[str, Any], told: list[str]) -> None:
    table = only([result("a", key="k1", psnr=1.0, **one), result("a", key="k2", psnr=1.0, **other)])
    assert sorted(labels(table)) == told


def test_shares_are_shown_in_percent_and_a_skew_interval_by_its_ends() -> None:
    skew = estimate("codebook_utilization", 0.9, interval=(0.7, 0.94))
    assert column(only([result("a", codebook_utilization=skew)]), "codebook_utilization") == ["90 (70 to 94)"]


def test_exact_numbers_are_compared_with_all_their_digits() -> None:
    """However few of them are shown: a whole number has no decimals."""
    given = {"a": (24.0, None), "b": (24.31, 0.02), "c": (23.6, 0.52)}
    table = only([result(name, psnr=value) for name, value in given.items()])
    assert (best(table, "psnr"), column(table, "psnr")[1]) == (["b"], "24")


def test_exact_numbers_have_no_interval_to_show() -> None:
    exact = {"a": (0.1875, 0.0), "b": (0.25, 1e-12)}
    table = only([result(name, bits_per_pixel=value) for name, value in exact.items()])
    assert column(table, "bits_per_pixel") == ["0.188", "0.250"]
    table = only([result(name, bits_per_pixel=value) for name, value in {**exact, "c": (0.5, 0.03)}.items()])
    assert column(table, "bits_per_pixel") == ["0.188", "0.250", "0.500 ± 0.030"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (estimate("psnr", float("inf")), "the value is inf, which is not a finite number"),
        (estimate("psnr", 1.0, interval=(float("-inf"), float("inf"))), "1"),
        (estimate("psnr", None), "no value, and no reason was given"),
        ("weights missing", "weights missing"),
    ],
)
def test_what_is_no_number_is_told(given: object, shown: str) -> None:
    assert column(only([result("a", psnr=given)]), "psnr") == [shown]


def test_a_metric_another_system_has_is_not_measured_here() -> None:
    assert column(only([result("a", psnr=1.0, ssim=0.5), result("b", psnr=0.5)]), "ssim")[1] == "not measured"


def test_rendering_imports_no_torch() -> None:
    code = "import sys, bench.leaderboard.render; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
