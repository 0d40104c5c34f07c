"""What is matched, judged, refused and said."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from command import BENCH
from gate_parts import GROUPS, exactly, mean_of, protocol, spread_of, values, write

from bench.cli import main
from bench.commands.check import exit_code
from bench.errors import BenchError, UnknownName
from bench.gate.comparison import Verdict
from bench.gate.pairing import match, read
from bench.gate.tolerances import parse
from bench.gate.verdicts import Report, compare
from bench.values import Tolerance

BEFORE = values(0)
NOISE = values(2, 0.0)


def gate(tmp_path: Path, *tolerances: str, **options: Any) -> Report:
    """``after`` held against ``before``, both runs in a test's folder."""
    matched = match(read(tmp_path / "before"), read(tmp_path / "after"), options.pop("only", ()))
    return compare(matched, lambda units, judged: parse(tolerances, units, judged), **options)


def psnr(change: np.ndarray | float = 0.0) -> dict[str, Any]:
    return {"metrics": {"psnr": mean_of(BEFORE + change, "psnr")}, "samples": {"psnr": BEFORE + change}}


def verdict(report: Report, metric: str) -> Verdict:
    (row,) = [row for row in report.comparisons if row.metric == metric]
    return row.verdict


@pytest.mark.parametrize(
    ("change", "tolerances", "expected"),
    [
        (-0.02, (), Verdict.REGRESSED),
        (-0.02, ("psnr=0.03dB",), Verdict.HELD),
        (-0.02, ("psnr=1%",), Verdict.HELD),
        (-0.02, ("psnr=0.015",), Verdict.REGRESSED),
        (+0.02, (), Verdict.IMPROVED),
        (0.0, (), Verdict.HELD),
        (0.01 * NOISE, (), Verdict.HELD),
        (np.where(GROUPS == 1, -3.0, 0.0), (), Verdict.WORSE),  # one photograph of eight may be chance
    ],
)
def test_worse_beyond_tolerance_and_chance_is_a_regression(
    tmp_path: Path, change: Any, tolerances: tuple[str, ...], expected: Verdict
) -> None:
    write(tmp_path / "before", **psnr())
    write(tmp_path / "after", **psnr(change))
    report = gate(tmp_path, *tolerances)
    assert verdict(report, "psnr") == expected
    assert exit_code(report) == (1 if expected == Verdict.REGRESSED else 0)


def test_the_direction_is_the_metrics(tmp_path: Path) -> None:
    for side, change in (("before", 0.0), ("after", 0.5)):
        shifted = BEFORE + change
        metrics = {"psnr": mean_of(shifted, "psnr"), "lpips_alex": mean_of(shifted, "lpips_alex")}
        write(tmp_path / side, metrics=metrics, samples={"psnr": shifted, "lpips_alex": shifted})
    report = gate(tmp_path)
    assert (verdict(report, "psnr"), verdict(report, "lpips_alex")) == (Verdict.IMPROVED, Verdict.REGRESSED)


def test_the_more_comparisons_the_less_is_a_single_one_worth(tmp_path: Path) -> None:
    change = -0.02 * np.array([1, 1, 1, 1, 1, 1, 30, 1])[GROUPS]  # every flip agrees, but there are only 256
    for name in ("a", *(f"noise {i}" for i in range(20))):
        write(tmp_path / "before", name, **psnr())
        moved = change if name == "a" else 0.3 * values(int(name.split()[1]) + 10, 0.0)
        write(tmp_path / "after", name, **psnr(moved))
    alone, among = gate(tmp_path, only=["a"]), gate(tmp_path)
    assert (alone.tested, among.tested) == (1, 21)
    assert alone.regressed
    assert not among.regressed
    assert not gate(tmp_path, only=["a"], level=1e-4).regressed


def test_what_did_not_move_is_no_comparison(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / "before", name, **psnr())
        write(tmp_path / "after", name, **psnr(-0.02 + 0.001 * NOISE if name == "a" else 0.0))
    assert gate(tmp_path).tested == 1


def test_set_level_metrics_are_judged_by_their_blocks(tmp_path: Path) -> None:
    for side, scale in (("before", 1.0), ("after", 1.02)):
        write(tmp_path / side, metrics={"rfid": spread_of(BEFORE * scale, "rfid")})
    report = gate(tmp_path)
    assert verdict(report, "rfid") == Verdict.REGRESSED
    assert verdict(gate(tmp_path, "rfid=5%"), "rfid") == Verdict.HELD


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 1)])
def test_a_loss_beyond_the_tolerance_is_never_just_held(tmp_path: Path, strict: bool, code: int) -> None:
    write(tmp_path / "before", **psnr())
    write(tmp_path / "after", **psnr(np.where(GROUPS == 1, -3.0, 0.0)))
    reports = [tmp_path / f"report.{kind}" for kind in ("md", "json", "xml")]
    given = ["check", tmp_path / "after", "--baseline", tmp_path / "before", *["--strict"] * strict]
    for report in reports:
        given += ["--report", report]
    done = CliRunner().invoke(main, [*map(str, given)], env={"COLUMNS": "300"})
    assert done.exit_code == code
    headline = (
        f"WORSE, NOT BEYOND CHANCE{' (--strict)' * strict}: 1 system compared; metrics: 1 worse than the tolerance, "
        "not beyond chance (PSNR of a; about 64 groups needed to decide)"
    )
    said = "about 64 groups needed to detect a difference of this size; here 8"
    markdown, tree, junit = (report.read_text() for report in reports)
    for text in (done.stdout, markdown, junit):
        assert said in text
        assert headline in text
    tree = json.loads(tree)
    assert (tree["headline"], tree["exit_code"], tree["comparisons"][0]["needed"]) == (headline, code, 64)
    assert (junit.count("<failure"), junit.count("<skipped")) == ((1, 0) if strict else (0, 1))


def test_what_is_neither_better_nor_worse_or_not_there_is_said_and_not_judged(tmp_path: Path) -> None:
    sides = {"before": (1024.0, 3.0), "after": (512.0, None)}
    for side, (tokens, rfid) in sides.items():
        why = None if rfid else "weights are not in the cache"
        metrics = {
            "tokens_per_image": exactly(tokens, "tokens_per_image"),
            "rfid": exactly(rfid, "rfid", unavailable=why),
        }
        write(tmp_path / side, metrics=metrics)
    report = gate(tmp_path)
    assert verdict(report, "tokens_per_image") == Verdict.SHOWN
    (row,) = report.having(Verdict.MISSING)
    assert row.reason == "no value after: weights are not in the cache"
    assert exit_code(report) == 3


def test_without_any_error_bar_chance_cannot_be_told(tmp_path: Path) -> None:
    for side, value in (("before", 3.0), ("after", 4.0)):
        write(tmp_path / side, metrics={"rfid": exactly(value, "rfid")})
    assert verdict(gate(tmp_path), "rfid") == Verdict.UNDECIDED
    assert exit_code(gate(tmp_path, strict=True)) == 1


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ([("a", psnr()), ("b", psnr())], 0),
        ([("a", psnr())], 3),
        ([("a", psnr()), ("b", {"error": "boom"})], 4),
        ([("a", psnr(-1.0)), ("b", {"error": "boom"})], 1),
        ([("a", psnr()), ("b", psnr()), ("c", psnr(-1.0))], 0),
        ([("a", psnr()), ("b", psnr() | {"dataset": {"failed": {"s3": "RuntimeError: boom"}}})], 1),
    ],
    ids=["held", "one missing", "one failed", "failed and regressed", "one new", "fails on a sample"],
)
def test_exit_codes(tmp_path: Path, after: list[tuple[str, dict[str, Any]]], code: int) -> None:
    for name in ("a", "b"):
        write(tmp_path / "before", name, **psnr())
    for name, given in after:
        write(tmp_path / "after", name, **given)
    assert exit_code(gate(tmp_path)) == code


def test_another_protocol_is_refused_by_the_fields_that_differ(tmp_path: Path) -> None:
    write(tmp_path / "before", **psnr())
    write(tmp_path / "after", **psnr(), under=protocol(settings={"crop": 512}, seed=3))
    with pytest.raises(BenchError, match=r"(?s)settings.crop +256 -> 512.*baseline update") as refusal:
        gate(tmp_path)
    assert "seed" in str(refusal.value)
    assert "task" not in str(refusal.value)


def test_an_edited_protocol_is_no_protocol(tmp_path: Path) -> None:
    write(tmp_path / "before", **psnr(), fingerprint="0" * 12)
    with pytest.raises(BenchError, match="edited"):
        read(tmp_path / "before")


def test_names_are_checked(tmp_path: Path) -> None:
    write(tmp_path / "run", "klt-vq", **psnr())
    run = read(tmp_path / "run")
    for only, renamed in (((), [("klt-qv", "klt-vq")]), ((), [("klt-vq", "klt-qv")]), (["klt-qv"], ())):
        with pytest.raises(UnknownName, match="did you mean klt-vq"):
            match(run, run, only, renamed)


def test_tolerances_are_read_in_the_metrics_unit() -> None:
    units = {"psnr": "dB", "rfid": "", "wer": ""}
    found = parse(["psnr=0.05 dB", "rfid=2%"], units)
    assert found == {"psnr": Tolerance(absolute=0.05), "rfid": Tolerance(relative=0.02)}
    assert found["rfid"].of(-50.0) == 1.0
    assert parse(["wer=0.5pp"], units)["wer"] == Tolerance(absolute=0.005)  # shown in %, so not just 0.5
    assert parse(["wer=5%"], units)["wer"] == Tolerance(relative=0.05)
    for metric in ("rfid", "wer"):
        assert parse([f"{metric}=inf"], units)[metric].of(1.0) == float("inf")
    for wrong in ("psnr", "psnr=", "psnr=x", "psnr=-1", "psnr=nan", "psnr=1MOS", "rfid=1dB", "psrn=1", "wer=0.5"):
        with pytest.raises(BenchError, match=r"psnr|rfid|wer"):
            parse([wrong], units)


def test_a_wrong_metric_is_answered_with_those_that_can_be_judged(tmp_path: Path) -> None:
    for side in ("before", "after"):
        absent = {"rfid": exactly(None, "rfid", unavailable="no weights")}
        write(tmp_path / side, metrics={**psnr()["metrics"], **absent}, samples=psnr()["samples"])
    with pytest.raises(UnknownName, match=r"known: psnr$"):
        gate(tmp_path, "nothing=1")
    assert not gate(tmp_path, "rfid=2%").regressed  # known, if not measured here


def test_a_tolerance_without_end_is_no_comparison(tmp_path: Path) -> None:
    write(tmp_path / "before", **psnr())
    write(tmp_path / "after", **psnr(-1 + 0.1 * NOISE))
    report = gate(tmp_path, "psnr=inf")
    assert (report.tested, verdict(report, "psnr")) == (0, Verdict.HELD)


@pytest.mark.parametrize("command", ["check", "compare", "baseline update", "leaderboard", "publish"])
def test_a_folder_without_results_is_nothing_measured(tmp_path: Path, command: str) -> None:
    empty, run = tmp_path / "empty", write(tmp_path / "run", **psnr())
    empty.mkdir()
    more = {"check": ["--baseline", run], "compare": [run], "baseline update": ["--baseline", run]}.get(command, [])
    done = CliRunner().invoke(main, [*command.split(), str(empty), *map(str, more)])  # type: ignore[call-overload]
    assert (done.exit_code, done.stderr) == (3, f"no results in {empty}\n")


def test_compare_calls_its_sides_by_name(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old", **psnr()), write(tmp_path / "new", **psnr(-1 + 0.1 * NOISE))
    write(old, "only old", **psnr())
    write(new, "only new", **psnr())
    done = CliRunner().invoke(main, ["compare", str(old), str(new), "--format", "json"])
    tree = json.loads(done.stdout)
    assert tree["headline"] == f"1 system compared: {old} → {new}"
    shown = CliRunner().invoke(main, ["compare", str(old), str(new)], env={"COLUMNS": "500"}).stdout
    assert f"Missing from {new}: only old." in shown
    assert f"Not in {old}: only new." in shown
    write(tmp_path / "other", **psnr(), under=protocol(seed=3))
    for given in ([str(new), "--system", "x"], [str(tmp_path / "other")]):
        refused = CliRunner().invoke(main, ["compare", str(old), *given])
        assert refused.exit_code == 2
        shown += refused.stderr
    assert f"no system of {old} or {new} is called 'x'" in shown
    assert "baseline" not in shown


@pytest.mark.parametrize(("change", "code"), [(0.0, 0), (-1.0, 1)])
@pytest.mark.parametrize("style", ["terminal", "json"])
def test_a_reader_that_leaves_changes_no_exit_code(tmp_path: Path, change: float, code: int, style: str) -> None:
    write(tmp_path / "before", **psnr())
    write(tmp_path / "after", **psnr(change))
    command: list[Any] = [BENCH, "check", tmp_path / "after", "--baseline", tmp_path / "before", "--format", style]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == code


def test_a_report_makes_its_folder(tmp_path: Path) -> None:
    run, report = write(tmp_path / "run", **psnr()), tmp_path / "new" / "folder" / "report.md"
    assert CliRunner().invoke(main, ["check", str(run), "--baseline", str(run), "--report", str(report)]).exit_code == 0
    assert report.read_text().startswith("**HELD")
