"""Cells as jobs of this machine: what a job does, and what is shown of it."""

from __future__ import annotations

import json
from pathlib import Path

from places import SYSTEMS

from bench.contracts.results import Run


def test_jobs_measure_cells_and_say_why_they_could_not(bench, tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text("description: short\nmetrics: {psnr: {}}\n")
    command = ("run", "--suite", "image-recon", "--protocol", "short.yaml", "--limit", 2, "--offline", "--out", "out")
    systems = ("--system=jpeg@10", f"--system={SYSTEMS / 'broken.py'}:Raises")
    jobs = ("--launcher", "local", "--wait", "--no-mlflow")
    done = bench(*command, *systems, *jobs, "--format", "json", code=4)
    assert "jpeg@10" in done.stdout
    assert "failed · CUDA out of memory, say" in done.stderr
    results = {result.status: result for result in Run(tmp_path / "out").results()}
    assert results["ok"].system.name == "jpeg@10"
    shown = json.loads(bench("status", "out", "--format", "json", code=4).stdout)
    assert sorted(state["state"] for state in shown) == ["done", "failed"]
    last = json.loads((tmp_path / "out" / "last.json").read_text())
    assert len(last["cells"]) == 2
    assert last["options"]["launcher"] == "local"
    # What has ended is not submitted again, and the folder of jobs does not grow.
    again = bench(*command, systems[0], *jobs)
    assert "1 finished before on " in again.stderr
    assert "job " not in again.stderr
