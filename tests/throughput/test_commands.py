"""The throughput suite on the command line: run, ranked, shown, checked and published."""

from __future__ import annotations

import json

from click.testing import CliRunner

from bench.cli import main

PROTOCOL = """
description: the smallest sweep
sweep:
  batch_sizes: [1, 2]
  samples: 2
  pace: {iterations: 3, seconds: 0, most_seconds: 0.01, warm_up_seconds: 0}
"""


def test_a_suite_of_two_modalities_is_measured_ranked_shown_checked_and_published(bench, tmp_path, monkeypatch):
    (tmp_path / "quick.yaml").write_text(PROTOCOL)
    systems = ("--system", "klt-continuous@8", "--system", "jpeg@10", "--system", "mulaw")
    ran = bench("run", "--suite", "throughput", *systems, "--protocol", "quick.yaml", "--no-mlflow", "--out", "run")
    assert "image-throughput v1" in ran.stdout
    assert "audio-throughput v1" in ran.stdout
    files = sorted((tmp_path / "run" / "results").glob("*.json"))
    # Each is measured by the task of its modality alone.
    assert [file.name.split("--")[:2] for file in files] == [
        ["jpeg@10", "image-throughput"],
        ["klt-continuous@8", "image-throughput"],
        ["mulaw", "audio-throughput"],
    ]

    def run(*args: object) -> str:
        done = CliRunner().invoke(main, [*map(str, args)])
        assert done.exit_code == 0, done.output
        return done.output

    monkeypatch.chdir(tmp_path)
    shown = run("leaderboard", "run")
    assert "Encode (best batch)" in shown
    assert "batch size 8" not in shown  # the option of other suites
    rows = json.loads(run("leaderboard", "run", "--format", "json"))["tables"][1]["rows"]
    assert {len(row["result"]["sweep"]["rows"]) for row in rows} == {4}
    lines = run("show", files[0]).splitlines()
    table = next(place for place, line in enumerate(lines) if line.split()[:3] == ["Part", "Dtype", "Size"])
    assert [line.split()[:4] for line in lines[table + 1 : table + 5]] == [
        [part, "float32", "256", batch] for batch in "12" for part in ("encode", "decode")
    ]
    assert "No values for Device, Energy: NVML is for NVIDIA's devices only." in shown + "\n".join(lines)
    assert "HELD" in run("check", "run", "--baseline", "run")
    run("publish", "run", "--out", "site")
    page = next((tmp_path / "site" / "systems").glob("jpeg*")).read_text()
    assert "Every setting" in page
    assert page.count('<td class="words">float32</td>') == 4
    assert any((tmp_path / "site" / "plots").rglob("throughput_psnr-throughput_encode.svg"))
