"""Columns: the same value under other conditions is another table, measured otherwise another column."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hand_made import estimate, protocol, result

from bench.contracts.protocol import MetricProtocol
from bench.leaderboard.render import render
from bench.leaderboard.table import build

PSNR, WIDE = MetricProtocol(version=1), MetricProtocol(version=1, settings={"size": 11})
NARROW = WIDE.model_copy(update={"settings": {"size": 7}})
Bench = Callable[..., CompletedProcess[str]]


def test_the_same_psnr_is_one_column_whatever_stands_beside_it() -> None:
    beside = protocol(metrics={"psnr": PSNR, "lpips_alex": 1})
    rows = [result("a", psnr=20.0), result("b", psnr=30.0, lpips_alex=0.1, protocol=beside)]
    (table,) = build(rows)
    psnr, lpips = table.columns
    assert (psnr.metric, lpips.metric) == ("psnr", "lpips_alex")
    assert [row.label for row in table.rows if row.cells["psnr"].best] == ["b"]
    assert table.rows[-1].cells["lpips_alex"].reason == "not measured"
    assert table.protocol.metrics.keys() == {"psnr", "lpips_alex"}


def test_another_window_is_another_column_and_its_heading_says_so() -> None:
    wide, narrow = (protocol(metrics={"psnr": PSNR, "ssim": ssim}) for ssim in (WIDE, NARROW))
    rows = [
        *(result(name, psnr=20.0, ssim=0.5, protocol=wide) for name in "ab"),
        result("c", psnr=20.0, ssim=0.6, protocol=narrow),
    ]
    (table,) = build(rows)
    assert [column.heading.title for column in table.columns] == ["PSNR", "SSIM (size 11)", "SSIM (size 7)"]
    psnr, usual, other = (column.metric for column in table.columns)
    assert (psnr, usual) == ("psnr", "ssim") and other.startswith("ssim@")
    assert all(row.cells["psnr"].best for row in table.rows), "one contest"
    cells = {row.label: (str(row.cells[usual].number), str(row.cells[other].number)) for row in table.rows}
    assert cells == {"a": ("0.500", "None"), "b": ("0.500", "None"), "c": ("None", "0.600")}
    columns = json.loads(render([table], "json"))["tables"][0]["columns"]
    assert [column["measured"]["settings"] for column in columns] == [{}, {"size": 11}, {"size": 7}]
    lines = [line for line in csv.DictReader(io.StringIO(render([table], "csv"))) if line["value"]]
    assert {(line["metric"], line["metric_fingerprint"]) for line in lines} == {
        (column["metric"], column["fingerprint"]) for column in columns
    }


@pytest.mark.parametrize(
    ("one", "other", "titles"),
    [
        (PSNR, PSNR.model_copy(update={"version": 2}), {"PSNR (version 1)", "PSNR (version 2)"}),
        (PSNR, PSNR.model_copy(update={"weights": {"w": "ab" * 32}}), {"PSNR (w none)", "PSNR (w abababab)"}),
    ],
)
def test_versions_and_weights_make_columns_too(one: MetricProtocol, other: MetricProtocol, titles: set[str]) -> None:
    under = [protocol(metrics={"psnr": measured}) for measured in (one, other)]
    (table,) = build([result(name, psnr=20.0, protocol=each) for name, each in zip("ab", under, strict=True)])
    assert {column.heading.title for column in table.columns} == titles


def test_units_need_to_agree_within_a_column_only() -> None:
    under = protocol(metrics={"psnr": MetricProtocol(version=2)})
    rows = [result("a", psnr=20.0), result("b", psnr=estimate("psnr", 2.0, unit="B"), protocol=under)]
    (table,) = build(rows)
    assert {column.unit for column in table.columns} == {"dB", "B"}


def test_results_of_one_subject_are_one_row() -> None:
    beside = protocol(metrics={"psnr": PSNR, "ssim": WIDE})
    first = result("a", psnr=20.0, key="k1", subject="s")
    second = result("a", psnr=20.0, ssim=0.5, key="k2", subject="s", protocol=beside, finished="2026-01-03T00:00:00Z")
    for order in ([first, second], [second, first]):
        (table,) = build(order)
        (row,) = table.rows
        assert (row.result.key, [other.key for other in row.others]) == ("k2", ["k1"])
    apart = [one.model_copy(update={"subject": subject}) for one, subject in ((first, "s"), (second, "t"))]
    assert [row.label for row in build(apart)[0].rows] == ["a (psnr)", "a (psnr, ssim)"]


def test_two_protocols_of_one_run_directory(tmp_path: Path, bench: Bench) -> None:
    for size, more in ((11, ""), (7, "  tokens_per_image: {}\n")):
        text = f"description: a window of {size}\nmetrics:\n  psnr: {{}}\n  ssim: {{size: {size}}}\n{more}"
        (tmp_path / f"window-{size}.yaml").write_text(text)
        options = ("--limit", 2, "--system", "jpeg@50", "--no-mlflow", "--offline", "--workers", 0, "--out", "run")
        bench("run", "--suite", "image-recon", "--protocol", f"window-{size}.yaml", *options)
    (table,) = json.loads(bench("leaderboard", "run", "--format", "json").stdout)["tables"]
    titles = [column["title"] for column in table["columns"]]
    assert titles == ["PSNR", "SSIM (size 11)", "SSIM (size 7)", "Tokens"] or titles == [
        *("PSNR", "SSIM (size 7)", "SSIM (size 11)", "Tokens")
    ]
    (row,) = table["rows"]
    assert row["label"] == "jpeg@50" and len(row["others"]) == 1
    one, other = row["result"]["metrics"], row["others"][0]["metrics"]
    assert one["psnr"] == other["psnr"] and one["ssim"]["value"] != other["ssim"]["value"]
