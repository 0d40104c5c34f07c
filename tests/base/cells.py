"""Plans and measures cells in this process, and prints the modules that have been imported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import registry, runner
from bench.generation.samples import sample_specs
from bench.results import Run
from bench.runner import Options
from bench.suite import load_suite
from bench.system import parse
from bench.weights import WeightStore


def measure(suite: str, system: str, protocol: str | None) -> None:
    """Measure one system, a file of samples against itself."""
    samples = sample_specs((system,)) if system.endswith(".npz") else []
    options = Options(dataset=system, data=system) if samples else Options(limit=2, protocol=protocol, workers=0)
    plan = runner.plan(load_suite(suite), samples or [parse(system)], options, WeightStore({}, True), Run(Path("run")))
    assert plan.cells
    for cell in plan.cells:
        task = registry.load(registry.get("tasks", cell.job.protocol.task).target)()
        assert task.measure(cell.job, lambda phase, done, total: None).metrics


if __name__ == "__main__":
    for cell in json.loads(sys.argv[1]):
        measure(*cell)
    sys.stdout.write(f"\n{json.dumps(sorted(sys.modules))}")
