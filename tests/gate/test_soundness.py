"""Results that contradict their samples, numbers that are none, and what leaves a check incomplete."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
import pytest
from click.testing import CliRunner, Result
from gate_parts import exactly, mean_of, spread_of, values, write

from bench.cli import main
from bench.commands.gate_group import CRASHED, _documented_codes
from bench.contracts.stats import Estimate
from bench.gate import lines
from bench.gate.pairing import match, read
from bench.gate.verdicts import compare

BEFORE = values(0)
COUNT = len(BEFORE)
WORDS = np.random.default_rng(1).integers(5, 20, COUNT)
ERRORS = np.random.default_rng(2).binomial(WORDS, 0.3)
WER = Estimate(value=float(ERRORS.sum() / WORDS.sum()), stderr=0.1, n=COUNT, higher_is_better=False)


def sound(folder: Path) -> Path:
    """A run of a mean, a ratio of sums, a rate whose weights are not kept, and a set-level metric."""
    samples = {"psnr": BEFORE, "wer": ERRORS / WORDS, "wer_errors": ERRORS, "wer_length": WORDS, "nll": BEFORE}
    weighted = Estimate(
        value=float(np.average(BEFORE, weights=WORDS)), n=COUNT, method="ratio of totals, t", stderr=0.1
    )
    metrics = {"psnr": mean_of(BEFORE, "psnr"), "wer": WER, "nll": weighted, "rfid": spread_of(BEFORE, "rfid")}
    return write(folder, metrics=metrics, samples=samples)


def edit(metric: str, **fields: Any) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        (file,) = (run / "results").glob("*.json")
        tree = json.loads(file.read_text())
        tree["metrics"][metric].update(fields)
        file.write_text(json.dumps(tree))

    return damage


def last_row_lost(run: Path) -> None:
    for table in (run / "results").glob("*.parquet"):
        parquet.write_table(parquet.read_table(table)[:-1], table)
    for table in (run / "results").glob("*.csv"):
        table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))


def bench(*args: object) -> Result:
    return CliRunner().invoke(main, [*map(str, args)])


def refused(done: Result, *patterns: str) -> None:
    assert done.exit_code == 2, done.output
    for pattern in patterns:
        assert re.search(pattern, done.stderr), done.stderr


@pytest.mark.parametrize("of", ["run", "baseline"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (last_row_lost, rf"\.(parquet|csv): {COUNT - 1} samples, but a--\S+\.json says {COUNT}"),
        (edit("psnr", value=28.0), r"mean of psnr is 2\d\.\d+, but a--\S+\.json says 28;"),
        (edit("wer", value=0.5), r"ratio of sums of wer is 0\.\d+, but a--\S+\.json says 0\.5;"),
        (edit("nll", n=COUNT + 1), rf"nll has a value on {COUNT} samples, but a--\S+\.json says {COUNT + 1};"),
    ],
    ids=["rows", "mean", "ratio", "defined"],
)
def test_a_result_that_contradicts_its_samples_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], said: str, of: str
) -> None:
    good, damaged = sound(tmp_path / "good"), tmp_path / "damaged"
    if of == "run":
        sound(damaged)
    else:
        assert bench("baseline", "update", good, "--baseline", damaged).exit_code == 0
    assert bench("check", damaged, "--baseline", good).exit_code == 0
    damage(damaged)
    for sides in ((damaged, good), (good, damaged)):
        refused(bench("check", sides[0], "--baseline", sides[1]), said, "measure it again")


def test_infinite_and_undefined_samples_are_no_contradiction(tmp_path: Path) -> None:
    column = BEFORE.copy()
    column[[2, 5]] = np.inf, np.nan
    run = write(tmp_path, metrics={"psnr": mean_of(column, "psnr")}, samples={"psnr": column})
    assert bench("check", run, "--baseline", run).exit_code == 0


def test_a_table_of_words_is_named(tmp_path: Path) -> None:
    run = sound(tmp_path / "run")
    (table,) = (run / "results").glob("*.parquet")
    columns = parquet.read_table(table).to_pydict()
    parquet.write_table(pyarrow.table(columns | {"psnr": ["x"] * COUNT}), table)
    refused(bench("check", run, "--baseline", run), "psnr: not numbers")


@pytest.mark.parametrize("field", ["value", "stderr", "interval"])
def test_a_number_that_is_none_is_named(tmp_path: Path, field: str) -> None:
    run, good = sound(tmp_path / "run"), sound(tmp_path / "good")
    edit("rfid", **{field: [0.0, np.inf] if field == "interval" else np.nan})(run)
    for command in ("check", "baseline update"):
        message = r"a--\S+\.json: (NaN|Infinity) is not a finite number"
        refused(bench(*command.split(), run, "--baseline", good), message)


def test_a_report_that_cannot_be_written_is_no_regression(tmp_path: Path) -> None:
    run = sound(tmp_path / "run")
    (tmp_path / "file").touch()
    under_a_file = tmp_path / "file" / "q.md"
    refused(bench("check", run, "--baseline", run, "--report", under_a_file), rf"--report {under_a_file}: cannot be")
    refused(bench("baseline", "update", run, "--baseline", tmp_path / "file" / "b"), "cannot be written")


def test_a_fault_is_no_regression(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, _documented_codes():
        raise AssertionError("a fault")
    assert ended.value.code == CRASHED
    assert "AssertionError: a fault" in capsys.readouterr().err


@pytest.mark.parametrize("absent", [{}, {"rfid": exactly(None, "rfid", unavailable="no weights here")}])
def test_a_metric_that_lost_its_value_leaves_the_check_incomplete(tmp_path: Path, absent: dict[str, Any]) -> None:
    shared = {"psnr": mean_of(BEFORE, "psnr"), "kid": Estimate(value=None, unavailable="never", higher_is_better=False)}
    for side, more in (("before", {"rfid": exactly(3.0, "rfid")}), ("after", absent)):
        write(tmp_path / side, metrics=shared | more, samples={"psnr": BEFORE})
    before, after = tmp_path / "before", tmp_path / "after"
    done = bench("check", after, "--baseline", before)
    assert done.exit_code == 3, done.output
    first, *_ = done.stdout.splitlines()
    assert first == "INCOMPLETE: 1 system compared; metrics: 1 held; missing: rFID of a"
    why = "no weights here" if absent else "not measured"
    said = lines.describe(compare(match(read(before), read(after)))).remarks
    assert f"Missing: rFID of a: no value after: {why}. Measure it, or leave it out: --tolerance rfid=inf" in said
    assert any(line.startswith("No value on either side: KID") for line in said)
    assert 'failures="1"' in bench("check", after, "--baseline", before, "--format", "junit").stdout
    assert bench("check", after, "--baseline", before, "--tolerance", "rfid=inf").exit_code == 0
    assert bench("check", before, "--baseline", after).exit_code == 0
    assert bench("compare", before, after).exit_code == 0
