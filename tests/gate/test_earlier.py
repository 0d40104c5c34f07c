"""Results that the last command of a run directory did not ask for: judged, named, and no reason to fail unseen."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate_parts import mean_of, protocol, values, write

from bench.contracts.last_command import LastCommand
from bench.contracts.results import Run
from bench.errors import BenchError
from bench.gate.pairing import match, read

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
GOOD: dict[str, Any] = {"metrics": {"psnr": mean_of(values(), "psnr")}, "samples": {"psnr": values()}}


def last(folder: Path, *names: str) -> Path:
    """Say that the last command asked for the cells of these systems."""
    files = [file for file in Run(folder).files() if file.name.split("--")[0] in names]
    LastCommand.of({"system": list(names)}, files).save(folder)
    return folder


@pytest.mark.parametrize(
    ("asked", "baseline", "code", "said"),
    [
        (("a", "b"), ("a",), 4, "Failed in the run: b"),
        (("a",), ("a",), 0, "1 result is from an earlier command: b (failed)"),
        (("a",), ("a", "b"), 3, "Missing from the run: b"),
        (("b",), ("a",), 4, "1 result is from an earlier command: a;"),
    ],
)
def test_a_failed_cell_fails_the_check_only_if_the_last_command_asked_for_it(
    bench: Bench, tmp_path: Path, asked: tuple[str, ...], baseline: tuple[str, ...], code: int, said: str
) -> None:
    for name in baseline:
        write(tmp_path / "baseline", name, **GOOD)
    write(tmp_path / "run", "a", **GOOD)
    last(write(tmp_path / "run", "b", error="boom"), *asked)
    done = bench("check", "run", "--baseline", "baseline", code=code)
    assert said in done.stdout
    tree = json.loads(bench("check", "run", "--baseline", "baseline", "--format", "json", code=code).stdout)
    assert {one["system"] for one in tree["earlier"]} == {"a", "b"} - set(asked)
    assert bench("check", "run", "--baseline", "baseline", "--without", "b").returncode == 0


def test_an_earlier_protocol_is_not_measured_rather_than_refused(tmp_path: Path) -> None:
    write(tmp_path / "baseline", "a", **GOOD)
    write(tmp_path / "run", "a", **GOOD, under=protocol(seed=3))
    with pytest.raises(BenchError, match="another protocol"):
        match(read(tmp_path / "baseline"), read(tmp_path / "run"))
    matched = match(read(tmp_path / "baseline"), read(last(tmp_path / "run")))
    assert [[one.name for one in side] for side in (matched.missing, matched.earlier)] == [["a"], ["a"]]


def test_an_update_takes_what_succeeded_and_names_what_failed_before(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path / "run", "a", **GOOD)
    run = last(write(tmp_path / "run", "b", error="boom"), "b")
    assert "--without NAME" in bench("baseline", "update", run, "--baseline", "baseline", code=4).stderr
    bench("baseline", "update", run, "--baseline", "without", "--without", "b")
    done = bench("baseline", "update", last(run, "a"), "--baseline", "baseline")
    assert "failed in an earlier command: b: boom" in done.stderr
    assert [[one.name for one in read(tmp_path / name)] for name in ("without", "baseline")] == [["a"], ["a"]]


def test_tables_and_sites_leave_systems_out(bench: Bench, tmp_path: Path) -> None:
    for name in ("klt-vq", "klt-fsq"):
        write(tmp_path / "run", name, **GOOD)
    last(write(tmp_path / "run", "broken", error="boom"), "klt-vq")
    for command in (("leaderboard", "run", "--format", "csv"), ("publish", "run", "--out", "site")):
        assert "2 results are from earlier commands" in bench(*command).stderr
        for chosen in (("--without", "broken", "--without", "klt-fsq"), ("--system", "klt-vq")):
            done = bench(*command, *chosen)
            assert done.stderr == ""
            shown = done.stdout + "".join(file.read_text() for file in tmp_path.glob("site/**/*.html"))
            assert "klt-vq" in shown
            assert not {"broken", "klt-fsq"} & set(shown.replace(",", " ").split())
        assert "did you mean klt-vq" in bench(*command, "--without", "klt-qv", code=2).stderr
    assert (
        "leaves no systems" in bench("leaderboard", "run", "--system", "broken", "--without", "broken", code=2).stderr
    )
