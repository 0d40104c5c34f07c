"""Plans and measures cells in this process, and prints the modules that have been imported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import load_suite
from bench.contracts.system import parse
from bench.contracts.task import open_task
from bench.machine.weights import WeightStore
from bench.measuring import runner
from bench.modalities.image.generation.samples import sample_specs


def measure(suite: str, system: str, protocol: str | None) -> None:
    """Measure one system, a file of samples against itself."""
    samples = sample_specs((system,)) if system.endswith(".npz") else []
    options = Options(dataset=system, data=system) if samples else Options(limit=2, protocol=protocol, workers=0)
    plan = runner.plan(load_suite(suite), samples or [parse(system)], options, WeightStore({}, True), Run(Path("run")))  # type: ignore[arg-type]
    assert plan.cells
    for cell in plan.cells:
        task = open_task(cell.job.protocol.task)
        assert task.measure(cell.job, lambda phase, done, total: None).metrics


if __name__ == "__main__":
    for cell in json.loads(sys.argv[1]):
        measure(*cell)
    sys.stdout.write(f"\n{json.dumps(sorted(sys.modules))}")
