"""The throughput suite on the command line: run, ranked, shown, checked and published."""

from __future__ import annotations

import json

from click.testing import CliRunner
from places import SYSTEMS

from bench.cli import main
from bench.contracts.results import read_result
from bench.leaderboard.table import Row, build

PROTOCOL = """
description: the smallest sweep
sweep:
  batch_sizes: [1, 2]
  samples: 2
  dtypes: [float32, bfloat16]
  pace: {iterations: 3, seconds: 0, most_seconds: 0.01, warm_up_seconds: 0}
"""


def test_a_suite_of_two_modalities_is_measured_ranked_shown_checked_and_published(bench, tmp_path, monkeypatch):
    (tmp_path / "quick.yaml").write_text(PROTOCOL)
    systems = ("--system", f"{SYSTEMS}/paced.py:Levels", "--system", "jpeg@10", "--system", "mulaw")
    ran = bench("run", "--suite", "throughput", *systems, "--protocol", "quick.yaml", "--no-mlflow", "--out", "run")
    assert "image-throughput v1" in ran.stdout
    assert "audio-throughput v1" in ran.stdout
    files = sorted((tmp_path / "run" / "results").glob("*.json"))
    # Each is measured by the task of its modality alone.
    assert {(file.name.split("--")[0][-6:], file.name.split("--")[1]) for file in files} == {
        ("Levels", "image-throughput"),
        ("peg@10", "image-throughput"),
        ("mulaw", "audio-throughput"),
    }

    def run(*args: object) -> str:
        done = CliRunner().invoke(main, [*map(str, args)])
        assert done.exit_code == 0, done.output
        return done.output

    monkeypatch.chdir(tmp_path)
    shown = run("leaderboard", "run")
    assert "Encode (best batch)" in shown
    assert "batch size 8" not in shown  # the option of other suites
    rows = json.loads(run("leaderboard", "run", "--format", "json"))["tables"][1]["rows"]
    # Codecs have no dtypes: a row says so.
    assert sorted(len(row["result"]["sweep"]["rows"]) for row in rows) == [5, 8]
    (codec,) = (file for file in files if file.name.startswith("jpeg"))
    lines = run("show", codec).splitlines()
    table = next(place for place, line in enumerate(lines) if line.split()[:3] == ["Part", "Dtype", "Size"])
    assert [line.split()[:4] for line in lines[table + 1 : table + 5]] == [
        [part, "float32", "256", batch] for batch in "12" for part in ("encode", "decode")
    ]
    assert lines[table + 5].endswith("so it has no result in bfloat16")
    assert any("No values for Device, Energy: NVML is for NVIDIA's devices only." in line for line in lines)
    assert "HELD" in run("check", "run", "--baseline", "run")
    run("publish", "run", "--out", "site")
    page = next((tmp_path / "site" / "systems").glob("jpeg*")).read_text()
    assert "Every setting" in page
    assert page.count('<td class="words">float32</td>') == 4
    (images,) = (tmp_path / "site" / "tables").glob("image*")
    assert "Quality and encode rate of every dtype" in images.read_text()
    assert {"throughput_psnr-throughput_encode.svg", "sweep-decode.svg"} <= {
        file.name for file in (tmp_path / "site" / "plots").rglob("*.svg")
    }
    results = [read_result(file) for file in files if "image" in file.name]
    # Whatever is measured: a rate is compared by its calls, however few samples they repeat.
    for result, value in zip(results, (100.0, 110.0), strict=True):
        rate = result.metrics["throughput_encode"]
        told = {"value": value, "stderr": 1.0, "interval": (value - 2, value + 2), "n": 50}
        result.metrics["throughput_encode"] = rate.model_copy(update=told)
    (ranked,) = build(results)
    assert [row.cells["throughput_encode"].best for row in sorted(ranked.rows, key=speed)] == [False, True]


def speed(row: Row) -> float:
    return row.result.metrics["throughput_encode"].value
