"""`bench run`: plan, measure, export, rank."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console

from bench import registry
from bench.cli import CELL_FAILED, NOTHING_MEASURED
from bench.commands.leaderboard import print_tables
from bench.errors import BenchError, UnknownName
from bench.generation.samples import ARRAYS, sample_specs
from bench.progress import CellProgress
from bench.results import Result, Run
from bench.suite import Suite, load_suite
from bench.system import SystemSpec, parse
from bench.weights import WeightStore

GENERATED = ("samples", "backbone")
"""Kinds of systems that give images of their own, to be compared with a reference."""


def run_suite(
    suite: str,
    systems: tuple[str, ...],
    added: tuple[str, ...],
    samples: tuple[str, ...],
    reference: str | None,
    out: Path | None,
    fresh: bool,
    dry_run: bool,
    no_mlflow: bool,
    style: str,
    weights: dict[str, Path],
    offline: bool,
    **chosen: Any,
) -> int:
    """Run a suite as the options say; the exit code of the command."""
    console = Console(stderr=True)
    loaded = load_suite(suite)
    specs = _specs(loaded, systems, added, samples)
    if reference is not None and not (any(spec.kind in GENERATED for spec in specs) and _compares(loaded)):
        raise BenchError("--reference is what generated images are compared with; give them with --samples PATH")
    if chosen["prompts"] and not any(spec.kind == "backbone" for spec in specs):
        raise BenchError("--prompts are what published backbones are given; name one with --system")
    store = WeightStore(weights, offline)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # for the cells too, which inherit it
    run = _run(out or Path("runs") / loaded.name, dry_run)
    with console.status("reading the data and the protocol ..."):
        from bench import runner  # imports torch: two seconds that a wrong name should not cost

        plan = runner.plan(loaded, specs, _options(chosen, loaded, reference), store, run)
    if dry_run:
        _print_plan(plan, run)
        return 0
    return _measure(plan, run, loaded, console, fresh, no_mlflow, style)


def _run(folder: Path, dry_run: bool) -> Run:
    run = Run(folder)
    if not dry_run:
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BenchError(f"{folder}: {error.strerror}; choose another run directory with --out DIR") from error
    return run


def _specs(
    suite: Suite, systems: tuple[str, ...], added: tuple[str, ...], samples: tuple[str, ...]
) -> list[SystemSpec]:
    """The systems to measure: those given, samples included, or else the suite's."""
    own = [] if samples else suite.systems
    texts = list(dict.fromkeys([*(systems or own), *added]))
    if not texts and not samples:
        wanted = registry.load(registry.get("tasks", suite.tasks[0].task).target).wanted
        raise BenchError(f"suite {suite.name} names no systems; {wanted}")
    return [*(parse(text) for text in texts), *sample_specs(samples)]


def _compares(suite: Suite) -> bool:
    """Whether a task of the suite compares generated images with a reference."""
    tasks = (registry.load(registry.get("tasks", line.task).target) for line in suite.tasks)
    return any("samples" in task.measures for task in tasks)


def reference_of(text: str) -> tuple[str, str | None]:
    """Name and path of what ``--reference`` names: a file or folder by its path, anything else a data set."""
    from bench.datasets.spec import split_path

    path = Path(text)
    if path.is_dir():
        return "image-folder", text
    if path.is_file() and path.suffix.lower() not in ARRAYS:
        raise BenchError(f"--reference {path}: give an .npz, an .npy, a folder of images or a data set's name")
    if path.is_file():
        return path.name, text
    if path.suffix.lower() in ARRAYS or "/" in text.partition(":")[0]:
        raise BenchError(f"--reference {path}: no such file or folder")
    name, data = split_path(text)
    try:
        registry.get("datasets", name.partition("@")[0])
    except UnknownName as error:
        raise BenchError(f"--reference {text}: no such file or folder, and {error}") from error
    return name, data


def _options(chosen: dict[str, Any], suite: Suite, reference: str | None) -> Any:
    from bench import runner
    from bench.datasets.spec import split_path

    if reference is not None:
        if chosen["dataset"] or chosen["data"]:
            raise BenchError("--reference is the data set that samples are compared with; leave out --dataset, --data")
        chosen["dataset"], chosen["data"] = reference_of(reference)
    elif chosen["dataset"]:
        chosen["dataset"], path = split_path(chosen["dataset"])
        chosen["data"] = chosen["data"] or path
    elif chosen["data"]:
        modality = registry.get("tasks", suite.tasks[0].task).modality
        chosen["dataset"] = f"{modality}-folder"
    chosen["device"] = runner.resolve_device(chosen["device"])
    if chosen["workers"] is None:
        chosen["workers"] = runner.default_workers()
    return runner.Options(**chosen)


def _print_plan(plan: Any, run: Run) -> None:
    for protocol in {cell.job.protocol.fingerprint: cell.job.protocol for cell in plan.cells}.values():
        click.echo(protocol.line())
        click.echo(textwrap.indent(yaml.safe_dump(protocol.model_dump(mode="json"), sort_keys=False), "  "), nl=False)
    click.echo("cells")
    for cell in plan.cells:
        state = "finished" if run.find(cell.file, cell.key) else "to measure"
        click.echo(f"  {cell.job.system.text:<32} {state:<12} {cell.file}")
    for reason in plan.missing.values():
        click.echo(f"missing: {reason}")
    for warning in plan.warnings:
        click.echo(f"warning: {warning}")
    for reason in plan.absent:
        click.echo(f"fetched when it is measured: {reason}  (now)")


def _measure(plan: Any, run: Run, suite: Suite, console: Console, fresh: bool, no_mlflow: bool, style: str) -> int:
    from bench.runner import execute

    for reason in plan.missing.values():
        console.print(f"unavailable: {reason}", markup=False, highlight=False, soft_wrap=True)
    for warning in plan.warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
    if plan.impossible:
        console.print(f"Error: {plan.impossible}", markup=False, highlight=False, soft_wrap=True)
        return NOTHING_MEASURED
    outcomes, exporter, status = [], None if no_mlflow else _exporter(run, suite), "FAILED"
    try:
        with CellProgress(len(plan.cells), console) as progress:
            for outcome in execute(plan, run, progress, fresh):
                outcomes.append(outcome)
                if exporter:
                    exporter.export(outcome.file, outcome.result)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        console.print(f"interrupted; the same command goes on from here ({run.path})", highlight=False)
        return 130
    finally:
        if exporter:
            exporter.close(status)
    results = [outcome.result for outcome in outcomes]
    shown = print_tables([(outcome.file, outcome.result) for outcome in outcomes], style)
    _say_where(run, exporter, console, len(results))
    return _exit_code(results) or shown


def _exporter(run: Run, suite: Suite) -> Any:
    from bench.tracking import Exporter

    return Exporter(run, suite.name)


def _say_where(run: Run, exporter: Any, console: Console, count: int) -> None:
    console.print(f"results: {run.path}", markup=False, highlight=False, soft_wrap=True)
    if exporter and (exporter.pending or exporter.problem):
        console.print(
            f"MLflow: {len(exporter.pending)} of {count} results pending ({exporter.problem}); "
            f"bench sync {run.path} replays them",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _exit_code(results: list[Result]) -> int:
    failed = [result for result in results if result.status == "failed"]
    if len(failed) == len(results):
        return NOTHING_MEASURED
    return CELL_FAILED if failed else 0
