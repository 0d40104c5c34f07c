"""Speed and memory: on one device, against the noise between repeated runs, and only if asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gate_parts import exactly, mean_of, values, write

from bench.cli import main
from bench.commands.check import exit_code
from bench.gate.comparison import Comparison, Verdict
from bench.gate.pairing import match, read
from bench.gate.verdicts import compare
from bench.machine import environment

STEADY, NOISY = (100.0, 101.0, 99.0), (100.0, 150.0, 60.0)


def runs(folder: Path, readings: Sequence[float], **fields: Any) -> list[Path]:
    """A run directory for each reading of the memory, all of one system whose quality is the same."""
    made = []
    for number, reading in enumerate(readings):
        metrics = {"psnr": mean_of(values(), "psnr"), "peak_memory": exactly(reading, "peak_memory")}
        when = {name: f"2026-01-01T00:00:{10 * number + seconds:02d}Z" for name, seconds in TIMES.items()}
        given: dict[str, Any] = {"metrics": metrics, "samples": {"psnr": values()}} | when | fields
        made.append(write(folder / str(number), **given))
    return made


TIMES = {"started": 1, "finished": 2}


def memory(before: list[Path], after: list[Path], judge_cost: bool = True) -> tuple[Comparison, int]:
    """The comparison of the memory, and the exit code."""
    report = compare(match(read(*before), read(*after)), judge_cost=judge_cost)
    (row,) = [row for row in report.comparisons if row.metric == "peak_memory"]
    return row, exit_code(report)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (STEADY, [3 * reading for reading in STEADY], Verdict.REGRESSED),
        (STEADY, [reading / 3 for reading in STEADY], Verdict.IMPROVED),
        (STEADY, [300.0], Verdict.REGRESSED),  # the noise of one side is that of the other
        (STEADY, [reading + 1 for reading in STEADY], Verdict.HELD),
        (NOISY, [reading + 70 for reading in NOISY], Verdict.WORSE),
        ([100.0], [300.0], Verdict.SHOWN),
    ],
)
def test_a_change_is_held_against_the_noise_between_runs(
    tmp_path: Path, before: Sequence[float], after: Sequence[float], expected: Verdict
) -> None:
    row, code = memory(runs(tmp_path / "before", before), runs(tmp_path / "after", after))
    assert (row.verdict, code) == (expected, 1 if expected == Verdict.REGRESSED else 0)
    assert row.difference == pytest.approx(sum(after) / len(after) - sum(before) / len(before))
    assert ("one run on each side" in row.reason) == (expected == Verdict.SHOWN)


def test_it_is_shown_unless_asked(tmp_path: Path) -> None:
    before, after = runs(tmp_path / "before", STEADY), runs(tmp_path / "after", [300.0, 301.0])
    row, code = memory(before, after, judge_cost=False)
    assert (row.verdict, code) == (Verdict.SHOWN, 0)
    done = check(after, before[0].parent, "--no-cost")
    assert "Speed and memory, not judged: Peak memory +200%" in done.stdout
    assert (done.exit_code, check(after, before[0].parent, "--cost").exit_code) == (0, 1)


@pytest.mark.parametrize(
    ("fields", "expected", "said"),
    [
        ({"hardware": {"model": "207", "bogomips": 4201.5}}, Verdict.REGRESSED, ""),  # another start of the machine
        ({"hardware": {"model": "143", "bogomips": 4200.0}}, Verdict.NOT_COMPARED, "model 207 before, 143 after"),
        ({"hardware": {"model": "207", "bogomips": 5400.0}}, Verdict.NOT_COMPARED, "different devices named 'cpu'"),
        ({"hardware": {}}, Verdict.SHOWN, "may name several processors"),
        ({"device": "other"}, Verdict.NOT_COMPARED, "cpu, batch size 8 before, other, batch size 8 after"),
        ({"environment": {"threads": 1}}, Verdict.NOT_COMPARED, "1 threads"),
    ],
)
def test_the_name_of_a_device_is_not_enough(
    tmp_path: Path, fields: dict[str, Any], expected: Verdict, said: str
) -> None:
    tripled = [3 * reading for reading in STEADY]
    row, _ = memory(runs(tmp_path / "before", STEADY), runs(tmp_path / "after", tripled, **fields))
    assert row.verdict == expected
    assert said in row.reason


@pytest.mark.parametrize("change", [{"started": "2026-01-01T00:00:01Z"}, {"key": "other code"}])
def test_a_copy_or_other_code_is_no_repeat(tmp_path: Path, change: dict[str, Any]) -> None:
    first, second = runs(tmp_path, [100.0])[0], runs(tmp_path / "again", [101.0, 102.0], **change)[1]
    (measured,) = read(first, second)
    assert (measured.result.metrics["peak_memory"].value, measured.repeats) == (102.0, ())


def test_a_baseline_keeps_repeats(tmp_path: Path) -> None:
    before, baseline = runs(tmp_path / "before", STEADY), tmp_path / "baseline"
    update = ["baseline", "update", "--baseline", baseline]
    assert CliRunner().invoke(main, [*map(str, [*update, before[0]])]).exit_code == 0
    assert "not judged" in check([tmp_path / "before" / "1"], baseline, "--cost").stdout
    assert CliRunner().invoke(main, [*map(str, [*update, *before])]).exit_code == 0
    (kept,) = (json.loads(file.read_text()) for file in (baseline / "results").glob("*.json"))
    assert sorted(kept["cost"]["repeats"]["peak_memory"]) == sorted(STEADY)
    assert check(runs(tmp_path / "same", [101.5]), baseline, "--cost").exit_code == 0
    assert check(runs(tmp_path / "more", [300.0]), baseline, "--cost").exit_code == 1


def check(after: list[Path], baseline: Path, *more: str) -> Result:
    given = ["check", *map(str, after), "--baseline", str(baseline), *more]
    return CliRunner().invoke(main, given, env={"COLUMNS": "300"})


def test_a_device_is_described_by_more_than_its_name() -> None:
    assert environment.device_name("cpu").endswith(" cores")
    described = environment.hardware("cpu")
    assert described.keys() & set(environment.PROCESSOR_FIELDS)
    assert described == environment.hardware("cpu")
