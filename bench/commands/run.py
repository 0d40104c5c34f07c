"""`bench run`: plan, measure, export, rank."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal

import click
import yaml
from rich.console import Console

from bench import registry
from bench.commands.leaderboard import print_tables
from bench.contracts.elsewhere import elsewhere_specs
from bench.contracts.generated import Generated
from bench.contracts.last_command import LastCommand
from bench.contracts.options import Options
from bench.contracts.results import Result, Run, broken_metrics
from bench.contracts.suite import Suite, load_suite
from bench.contracts.system import SystemSpec, parse
from bench.contracts.task import open_task
from bench.datasets.spec import split_path
from bench.errors import BenchError
from bench.exit_codes import CELL_FAILED, NOTHING_MEASURED
from bench.leaderboard.reasons import clean
from bench.machine.durations import seconds_of
from bench.machine.progress import CellProgress, waiting
from bench.machine.weights import WeightStore
from bench.measuring.precheck import check_choices
from bench.tracking import ExporterApart

GENERATED = ("samples", "backbone")
"""Kinds of systems whose generated images are compared with a reference."""


def run_suite(
    suite: str,
    systems: tuple[str, ...],
    added: tuple[str, ...],
    samples: tuple[str, ...],
    reconstructions: dict[str, Path],
    codebooks: tuple[str, ...],
    rates: tuple[str, ...],
    reference: str | None,
    out: Path | None,
    fresh: bool,
    dry_run: bool,
    no_mlflow: bool,
    timeout: str | None,
    style: str,
    weights: dict[str, Path],
    offline: bool,
    given: Mapping[str, Any],
    **chosen: Any,
) -> int:
    """Run a suite as the options say, and return the exit code of the command.

    Args:
        given: the options that the user gave, which the run directory keeps (``bench/contracts/last_command.py``).
    """
    console = Console(stderr=True)
    limit = seconds_of(timeout) if timeout else None
    loaded = load_suite(suite)
    shown = out or Path("runs") / loaded.name
    run = Run(shown.absolute())  # systems may change the working directory, from the import of their module on
    exporter = None if no_mlflow or dry_run else ExporterApart(run, loaded.name)
    made = elsewhere_specs(reconstructions, codebooks, rates)
    specs = _specs(loaded, systems, added, samples, made)
    check_choices(loaded, specs, chosen)
    if reference is not None and not (any(spec.kind in GENERATED for spec in specs) and _compares(loaded)):
        raise BenchError("--reference has no generated images to be compared with; give them with --samples PATH")
    _choose_data(chosen, loaded, specs, reference)
    if chosen["prompts"] and not any(spec.kind == "backbone" for spec in specs):
        raise BenchError("--prompts are only for pretrained backbones; name one with --system")
    store = WeightStore(weights, offline)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # for the cells too, which inherit it
    with nullcontext() if dry_run else _folder(run, shown):
        with waiting("reading the data and the protocol", console):
            from bench.measuring import runner  # imports torch: seconds that a wrong name should not cost

            plan = runner.plan(loaded, specs, _options(chosen), store, run)
        if dry_run:
            _print_plan(plan, run, shown)
            return 0
        if not plan.impossible:
            LastCommand.of(dict(given), [cell.file for cell in plan.cells]).save(run.path)
        return _measure(plan, run, shown, exporter, console, fresh, limit, style)


@contextmanager
def _folder(run: Run, shown: Path) -> Iterator[None]:
    """Create a run directory, and remove it again if nothing was put into it."""
    made = [folder for folder in (run.folder, *run.folder.parents) if not folder.exists()]
    try:
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BenchError(f"{shown}: {error.strerror}; choose another run directory with --out DIR") from error
        yield
    finally:
        with suppress(OSError):  # of the first that holds something
            for folder in made:
                folder.rmdir()


def _specs(
    suite: Suite,
    systems: tuple[str, ...],
    added: tuple[str, ...],
    samples: tuple[str, ...],
    made: Sequence[SystemSpec],
) -> list[SystemSpec]:
    """The systems to measure: those the user gave, samples and reconstructions included, or else the suite's."""
    defaults = [] if samples or made else suite.systems
    texts = list(dict.fromkeys([*(systems or defaults), *added]))
    if not texts and not samples and not made:
        wanted = open_task(suite.tasks[0].task).wanted
        raise BenchError(f"suite {suite.name} names no systems; {wanted}")
    generated = generated_of(suite).systems(samples) if samples else ()
    return [*(parse(text) for text in texts), *generated, *made]


def _compares(suite: Suite) -> bool:
    """Whether a task of the suite compares generated images with a reference."""
    tasks = (open_task(line.task) for line in suite.tasks)
    return any("samples" in task.measures for task in tasks)


def generated_of(suite: Suite) -> Generated:
    """How generated samples of a suite's modality are read; BenchError if its modality has none."""
    face = registry.modality(registry.get("tasks", suite.tasks[0].task).scope)
    if not face.generated:
        raise BenchError(f"suite {suite.name} is of {face.name}; --samples and --reference are not available for it")
    found: Generated = registry.load(face.generated)
    return found


def _choose_data(chosen: dict[str, Any], suite: Suite, systems: Sequence[SystemSpec], reference: str | None) -> None:
    """Set the data set and its path from --reference, --dataset and --data."""
    if reference is not None:
        if chosen["dataset"] or chosen["data"]:
            raise BenchError("--reference already names the data set; leave out --dataset and --data")
        chosen["dataset"], chosen["data"] = generated_of(suite).reference(reference)
    elif chosen["dataset"]:
        chosen["dataset"], path = split_path(chosen["dataset"])
        chosen["data"] = chosen["data"] or path
    elif chosen["data"]:
        modalities = [registry.get("tasks", line.task).scope for line in suite.tasks]
        served = (name for name in modalities if any(system.entry.serves(name) for system in systems))
        modality = registry.modality(next(served, modalities[0]))
        if not modality.folder:
            raise BenchError(
                f"--data {chosen['data']}: modality {modality.name} has no data set of files; give --dataset"
            )
        chosen["dataset"] = modality.folder


def _options(chosen: dict[str, Any]) -> Options:
    from bench.measuring import runner

    chosen["device"] = runner.resolve_device(chosen["device"])
    if chosen["workers"] is None:
        chosen["workers"] = runner.default_workers()
    return Options(**chosen)


def _print_plan(plan: Any, run: Run, shown: Path) -> None:
    """Print what would be measured, then what prevents some of it, and last the protocols, which are long."""
    click.echo("cells")
    for cell in plan.cells:
        finished, changed = run.look(cell.file, cell.key)
        again = f"  (measured before, but {changed})" if changed else ""
        state = "finished" if finished else "to measure"
        click.echo(f"  {cell.job.system.text:<32} {state:<12} {shown / 'results' / cell.file.name}{again}")
    for reason in dict.fromkeys(plan.missing.values()):
        click.echo(f"missing: {reason}")
    for warning in dict.fromkeys(plan.warnings):
        click.echo(f"warning: {warning}")
    for reason in plan.absent:
        click.echo(f"fetched when it is measured, or now: {reason}")
    for protocol in {cell.job.protocol.identity: cell.job.protocol for cell in plan.cells}.values():
        click.echo(protocol.line())
        for name, metric in protocol.metrics.items():
            click.echo(f"  {name} v{metric.version} [{protocol.fingerprint_of(name)}]")
        click.echo(textwrap.indent(yaml.safe_dump(protocol.model_dump(mode="json"), sort_keys=False), "  "), nl=False)


def _measure(
    plan: Any,
    run: Run,
    shown: Path,
    exporter: ExporterApart | None,
    console: Console,
    fresh: bool,
    limit: float | None,
    style: str,
) -> int:
    from bench.measuring.runner import execute

    for reason in plan.missing.values():
        _say(console, f"unavailable: {reason}")
    for warning in plan.warnings:
        _say(console, f"warning: {warning}")
    if plan.impossible:
        _say(console, f"Error: {plan.impossible}")
        return NOTHING_MEASURED
    outcomes: list[Any] = []
    status: Literal["FINISHED", "FAILED", "KILLED"] = "FAILED"
    try:
        with CellProgress(len(plan.cells), console) as progress:
            for outcome in execute(plan, run, progress, fresh, limit):
                outcomes.append(outcome)
                for warning in outcome.result.warnings:
                    _say(console, f"warning: {outcome.result.system.name}: {warning}")
                if exporter:
                    exporter.export(outcome.file)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        console.print(f"interrupted; the same command resumes from here ({shown})", markup=False, highlight=False)
        return 130
    finally:
        if exporter:
            exporter.close(status)
    results = [outcome.result for outcome in outcomes]
    for result in results:
        for reason in broken_metrics(result.metrics):
            _say(console, f"lost: {result.system.name}: {reason}")
    shown_code = print_tables([(outcome.file, outcome.result) for outcome in outcomes], style)
    _say_where(run, shown, exporter, console, len(results))
    return _exit_code(results) or shown_code


def _say(console: Console, text: str) -> None:
    """Print a line that others may have written, in full and without effect on the terminal."""
    console.print(clean(text), markup=False, highlight=False, soft_wrap=True)


def _say_where(run: Run, folder: Path, exporter: ExporterApart | None, console: Console, count: int) -> None:
    console.print(f"results: {folder}", markup=False, highlight=False, soft_wrap=True)
    from bench.commands.selection import earlier_in  # imports numpy, time that a wrong name should not cost

    if beside := earlier_in(run):
        console.print(f"beside them, {beside}", markup=False, highlight=False, soft_wrap=True)
    if exporter and (exporter.pending or exporter.problem):
        console.print(
            f"MLflow: {len(exporter.pending)} of {count} results pending ({exporter.problem}); "
            f"bench sync {folder} replays them",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _exit_code(results: list[Result]) -> int:
    failed = [result for result in results if result.status == "failed"]
    if len(failed) == len(results):
        return NOTHING_MEASURED
    return CELL_FAILED if failed or any(broken_metrics(result.metrics) for result in results) else 0
