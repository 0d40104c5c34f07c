"""A reviewed baseline: small files, rewritten only where something moved, and as good as the run for the gate."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_parts import mean_of, protocol, spread_of, values, write

from bench.gate.pairing import match, read
from bench.gate.verdicts import compare

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
BEFORE = values(0)


def run(folder: Path, change: float = 0.0, names: tuple[str, ...] = ("a", "b"), **fields: Any) -> Path:
    for name in names:
        shifted = BEFORE + (change if name == "a" else 0.0)
        metrics = {"psnr": mean_of(shifted, "psnr"), "rfid": spread_of(shifted, "rfid")}
        samples = {"psnr": shifted, "heard": ["text"] * len(shifted), "visqol": [np.nan] * len(shifted)}
        write(folder, name, metrics, samples, **fields)  # type: ignore[arg-type]
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((folder / "results").iterdir())}


def test_the_gate_reads_it_as_it_reads_the_run(tmp_path: Path, bench: Bench) -> None:
    old, new = run(tmp_path / "old"), run(tmp_path / "new", -0.3)
    bench("baseline", "update", old, "--baseline", "baseline")
    assert {Path(name).suffix for name in contents(tmp_path / "baseline")} == {".json", ".csv"}
    one, other = (compare(match(read(folder), read(new))).comparisons for folder in (old, tmp_path / "baseline"))
    assert [row.verdict for row in one] == [row.verdict for row in other]
    for exact, rounded in zip(one, other, strict=True):
        assert rounded.method == exact.method
        assert rounded.difference == pytest.approx(exact.difference, abs=1e-6)
    done = bench("check", new, "--baseline", "baseline", "--format", "json", code=1)
    assert json.loads(done.stdout)["exit_code"] == 1


def test_an_update_touches_only_what_moved_and_says_it_first(tmp_path: Path, bench: Bench) -> None:
    bench("baseline", "update", run(tmp_path / "old"), "--baseline", "baseline")
    before = contents(tmp_path / "baseline")
    again = run(tmp_path / "again", finished="2026-02-02T00:00:00.000+00:00")
    assert "0 results to write, 2 unchanged" in bench("baseline", "update", again, "--baseline", "baseline").stdout
    assert contents(tmp_path / "baseline") == before
    new = run(tmp_path / "new", -0.3)
    told = bench("baseline", "update", new, "--baseline", "baseline", "--dry-run").stdout
    assert contents(tmp_path / "baseline") == before
    assert "-0.300" in told
    bench("baseline", "update", new, "--baseline", "baseline")
    after = contents(tmp_path / "baseline")
    assert {name[0] for name in after if after[name] != before[name]} == {"a"}
    lines = [len(set(after[n].split(b"\n")) ^ set(before[n].split(b"\n"))) for n in after if n.startswith("a")]
    assert max(lines) <= 2 * (len(BEFORE) + 1)  # a line a sample


def test_another_protocol_replaces_and_others_stay(tmp_path: Path, bench: Bench) -> None:
    bench("baseline", "update", run(tmp_path / "old"), "--baseline", "baseline")
    other = run(tmp_path / "other", names=("a",), under=protocol(seed=1))
    bench("baseline", "update", other, "--baseline", "baseline")
    found = {one.name: one.result.protocol.seed for one in read(tmp_path / "baseline")}
    assert found == {"a": 1, "b": 0}
    assert len(contents(tmp_path / "baseline")) == 4


def test_a_failed_cell_is_no_baseline(tmp_path: Path, bench: Bench) -> None:
    new = run(tmp_path / "new")
    write(new, "c", error="boom")
    refused = bench("baseline", "update", new, "--baseline", "baseline", code=4)
    assert "failed: c: boom" in refused.stderr
    assert not (tmp_path / "baseline").exists()
    bench("baseline", "update", new, "--baseline", "baseline", "--partial", "--system", "a")
    assert [one.name for one in read(tmp_path / "baseline")] == ["a"]
    wrong = bench("baseline", "update", new, "--baseline", "baseline", "--system", "aa", "--partial", code=2)
    assert "aa" in wrong.stderr


def test_a_damaged_table_is_named(tmp_path: Path, bench: Bench) -> None:
    bench("baseline", "update", run(tmp_path / "old"), "--baseline", "baseline")
    table = next((tmp_path / "baseline" / "results").glob("a*.csv"))
    table.write_text("id,group,psnr\ns0,0,x\n")
    done = bench("check", tmp_path / "old", "--baseline", "baseline", code=2)
    assert table.name in done.stderr
    table.unlink()
    assert table.name in bench("check", tmp_path / "old", "--baseline", "baseline", code=2).stderr
