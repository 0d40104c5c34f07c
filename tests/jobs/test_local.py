"""Cells as jobs of this machine: what a job does, and what is shown of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.contracts.results import Run


def test_a_job_measures_a_cell_as_the_command_itself_does(bench, tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text("description: short\nmetrics: {psnr: {}}\n")
    command = ("run", "--suite", "image-recon", "--protocol", "short.yaml", "--limit", 2, "--system=jpeg@10")
    jobs = (*command, "--offline", "--no-mlflow", "--out", "out", "--launcher", "local", "--wait")
    done = bench(*jobs, "--format", "json")
    assert "jpeg@10 · done" in done.stderr
    assert "jpeg@10" in done.stdout
    (result,) = Run(tmp_path / "out").results()
    assert result.status == "ok"
    assert [state["state"] for state in json.loads(bench("status", "out", "--format", "json").stdout)] == ["done"]
    assert json.loads((tmp_path / "out" / "last.json").read_text())["options"]["launcher"] == "local"
    # What is finished is not submitted again, and is so here too.
    assert "1 finished before on " in bench(*jobs).stderr
    plan = bench(*command, "--offline", "--out", "out", "--dry-run").stdout
    assert re.search(r"jpeg@10 +finished", plan)
