"""Reports for people and for machines."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from gate_parts import GROUPS, exactly, mean_of, values, write
from rich.console import Console

from bench.gate import data, junit, lines, markdown, terminal
from bench.gate.comparison import Verdict
from bench.gate.pairing import match, read
from bench.gate.verdicts import Report, compare

HOSTILE = "<script>alert(1)</script>|`x`"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """One system regressed, whose name is hostile; one did not move; one failed, one is missing."""
    before = values(0)
    for name, change in ((HOSTILE, -0.5), ("still", 0.0), ("missing", None), ("failed", 0.0)):
        good: dict[str, Any] = {"metrics": {"psnr": mean_of(before, "psnr")}, "samples": {"psnr": before}}
        write(tmp_path / "before", name, **good)
        if name == "failed":
            write(tmp_path / "after", name, error="boom \x00")
        elif change is not None:
            after = before + change + 0.01 * np.sin(GROUPS)
            metrics = {
                "psnr": mean_of(after if change else before, "psnr"),
                "rfid": exactly(None, "rfid", unavailable="no weights"),
            }
            write(tmp_path / "after", name, metrics=metrics, samples={"psnr": after if change else before})
    return compare(match(read(tmp_path / "before"), read(tmp_path / "after")))


def test_people_see_what_moved_and_what_was_not_compared(report: Report) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    terminal.show(lines.describe(report), console)
    text = console.export_text()
    assert text.startswith("REGRESSED: 2 systems compared; metrics: 1 regressed, 1 held")
    assert HOSTILE in text
    assert "regressed: p" in text
    for said in (
        "Nothing moved: still",
        "Missing from the run: missing",
        "Failed in the run: failed: E: boom \\x00",
        "rFID",
    ):
        assert said in text


def between(folder: Path, metric: str, change: np.ndarray, mean: float = 25.0) -> lines.Line:
    """The line of one metric that changed."""
    before = values(0, mean)
    for side, column in (("before", before), ("after", before + change)):
        write(folder / side, metrics={metric: mean_of(column, metric)}, samples={metric: column})
    found = lines.describe(compare(match(read(folder / "before"), read(folder / "after"))))
    ((line,),) = [block.lines for block in found.blocks]
    return line


UNEVEN = -np.array([1, 1, 1, 1, 1, 1, 30, 1])[GROUPS]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (0.02 * UNEVEN, "regressed: p = 0.0078; worse in 8 of 8 groups (sign flips)"),
        (-0.02 * UNEVEN, "improved: better in 8 of 8 groups (sign flips)"),
        (-0.02 + 0.001 * np.sin(GROUPS), "regressed: p < 0.001"),
        (
            -0.3 - 0.3 * np.random.default_rng(9).normal(size=8)[GROUPS],
            "regressed: p = 0.032; 2.7 standard errors beyond the tolerance (t, one-sided)",
        ),
        (
            np.where(GROUPS == 1, -3.0, 0.0),
            "worse than the tolerance, not beyond chance: p = 0.35; "
            "about 64 groups needed to detect a difference of this size; here 8",
        ),
        (-0.004 + 0.001 * np.sin(GROUPS), "held: within the tolerance of 0.005 dB"),
    ],
)
def test_a_verdict_says_what_the_interval_does_not(tmp_path: Path, change: np.ndarray, said: str) -> None:
    assert between(tmp_path, "psnr", change).cells[-1] == said


def test_an_interval_beside_a_p_for_many_is_explained_once(tmp_path: Path) -> None:
    before = values(0)
    for seed in range(30):
        change = -0.3 + (0.22 if seed == 0 else 3) * np.random.default_rng(seed).normal(size=8)[GROUPS]
        for side, column in (("before", before), ("after", before + change + 0.01 * np.sin(range(len(GROUPS))))):
            write(tmp_path / side, str(seed), {"psnr": mean_of(column, "psnr")}, {"psnr": column})
    sides = read(tmp_path / "before"), read(tmp_path / "after")
    report = compare(match(*sides))
    row = next(row for row in report.comparisons if row.system == "0")
    assert row.interval is not None
    assert (row.interval[1] < 0, row.verdict) == (True, Verdict.WORSE)
    assert sum("An interval is for its row alone" in said for said in lines.describe(report).remarks) == 1
    alone = compare(match(*sides, only=["5"]))
    assert not any("An interval" in said for said in lines.describe(alone).remarks)


@pytest.mark.parametrize(("count", "said"), [(2, "Unchanged: m0, m1"), (7, "7 more unchanged (which: --format json)")])
def test_what_did_not_move_is_named_or_told_where(tmp_path: Path, count: int, said: str) -> None:
    before = values(0)
    columns = {f"m{i}": before for i in range(count)}
    for side, change in (("before", 0.0), ("after", -0.5)):
        metrics = {name: mean_of(before, "psnr") for name in columns} | {"psnr": mean_of(before + change, "psnr")}
        write(tmp_path / side, metrics=metrics, samples=columns | {"psnr": before + change})
    (block,) = lines.describe(compare(match(read(tmp_path / "before"), read(tmp_path / "after")))).blocks
    assert block.summary == said


def test_fractions_are_shown_as_leaderboards_show_them(tmp_path: Path) -> None:
    title, before, after, difference, _, verdict = between(
        tmp_path, "wer", np.where(GROUPS == 1, 1e-4, 2e-3), 0.5
    ).cells
    assert title == "WER ↓ (%)"
    assert float(after) - float(before) == pytest.approx(float(difference), abs=0.01)
    assert float(difference) == pytest.approx(0.17, abs=0.01)
    assert verdict == "held: within the tolerance of 0.2 pp"


def test_markdown_fits_a_comment_and_stays_text(report: Report) -> None:
    text = markdown.text(lines.describe(report))
    assert "<script>" not in text
    rows = [line for line in text.splitlines() if line.startswith("| PSNR")]
    assert len(rows) == 1
    assert rows[0].count(" | ") == 5
    assert "❌ regressed" in rows[0]
    many = lines.Words("x", ("Metric",) * 6, lines.describe(report).blocks * 2000, (), ())
    assert len(markdown.text(many)) < 65_536
    assert "more systems: too much for a comment" in markdown.text(many)


def test_junit_is_xml_with_matching_counts(report: Report) -> None:
    root = Xml.fromstring(junit.text(report).encode())
    for element in (root, *root):
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.attrib[attribute]) == len(element.findall(f".//{tag}"))
        assert int(element.attrib["tests"]) == len(element.findall(".//testcase"))
    assert (root.attrib["failures"], root.attrib["errors"], root.attrib["skipped"]) == ("2", "1", "2")
    assert {suite.attrib["name"] for suite in root} == {
        f"image-recon: {n}" for n in (HOSTILE, "still", "missing", "failed")
    }


def test_json_has_it_all_unrounded(report: Report) -> None:
    tree = json.loads(data.text(report, 1))
    assert (tree["exit_code"], tree["tested"], tree["headline"]) == (1, 1, lines.headline(report))
    (row,) = [row for row in tree["comparisons"] if row["verdict"] == "regressed"]
    (found,) = [each for each in report.comparisons if each.verdict == "regressed"]
    for key in ("before", "after", "difference", "tolerance", "p", "adjusted"):
        assert row[key] == getattr(found, key)
    assert (tree["missing"][0]["system"], tree["failed"][0]["error"]) == ("missing", r"boom \x00")
