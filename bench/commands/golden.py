"""`bench doctor --golden`: reported numbers, measured again."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from bench.contracts.options import Options
from bench.contracts.results import Result, Run
from bench.exit_codes import CELL_FAILED, NOTHING_MEASURED
from bench.machine.progress import CellProgress
from bench.machine.weights import WeightStore
from bench.reported.golden import Golden, Verdict, find

SUITE, BATCH = "image-gen", 32
FOLDER = Path("runs") / "golden"


def check_golden(path: Path, weights: dict[str, Path], device: str) -> int:
    """Measure every check of a path, print its numbers and return the exit code of the command."""
    codes = [_check(name, golden, folder, weights, device) for name, (golden, folder) in find(path).items()]
    return max(codes)


def _check(name: str, golden: Golden, folder: Path, weights: dict[str, Path], device: str) -> int:
    click.echo(f"{name}: {golden.description} ({golden.source})")
    if missing := golden.missing(folder):
        for file, source in missing.items():
            click.echo(f"  missing: {folder / file}{f'; get it from {source}' if source else ''}")
        return NOTHING_MEASURED
    result = _measure(name, golden, folder, weights, device)
    if isinstance(result, str):
        click.echo(f"  {result}")
        return NOTHING_MEASURED
    if result.errors:
        click.echo(f"  not measured: {result.errors[0].type}: {result.errors[0].told}")
        return NOTHING_MEASURED
    verdicts = golden.verdicts(result.metrics)
    for verdict in verdicts:
        click.echo(f"  {verdict.line()}")
    return _code(verdicts)


def _measure(name: str, golden: Golden, folder: Path, weights: dict[str, Path], device: str) -> Result | str:
    """The result of the check's only cell, or a line with the remedy where weights are missing."""
    from bench.commands.run import generated_of
    from bench.contracts.suite import load_suite
    from bench.measuring import runner

    suite = load_suite(SUITE)
    generated = generated_of(suite)
    dataset, data = generated.reference(str(folder / golden.reference))
    store = WeightStore(weights, offline=True)
    run = Run(FOLDER / name)
    options = Options(
        dataset=dataset,
        data=data,
        protocol=golden.protocol,
        device=runner.resolve_device(device),
        batch_size=BATCH,
        workers=runner.default_workers("cpu"),
    )
    plan = runner.plan(suite, [*generated.systems([str(folder / golden.samples)])], options, store, run)
    for file in plan.missing:
        return f"missing: weights {file}; run: bench fetch {file}  (or give the file: --weights {file}=PATH)"
    with CellProgress(len(plan.cells), Console(stderr=True)) as progress:
        (outcome,) = runner.execute(plan, run, progress)
    return outcome.result


def _code(verdicts: list[Verdict]) -> int:
    if any(verdict.measured is not None and not verdict.agrees for verdict in verdicts):
        return CELL_FAILED
    return 0 if all(verdict.agrees for verdict in verdicts) else NOTHING_MEASURED
