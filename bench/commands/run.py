"""`bench run`: plan, measure, export, rank."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from rich.console import Console

from bench import registry
from bench.commands.launched import Launched, finished_anywhere
from bench.commands.narrowing import chosen_devices, only_cell, only_for
from bench.commands.outcomes import report_outcomes, say_before
from bench.contracts.elsewhere import elsewhere_specs
from bench.contracts.generated import Generated
from bench.contracts.last_command import LastCommand
from bench.contracts.options import Options
from bench.contracts.results import Run
from bench.contracts.suite import Suite, load_suite
from bench.contracts.system import SystemSpec, parse
from bench.contracts.task import open_task
from bench.datasets.spec import split_path
from bench.errors import BenchError
from bench.exit_codes import NOTHING_MEASURED
from bench.jobs.settings import Launch
from bench.machine.durations import seconds_of
from bench.machine.holders import this_process
from bench.machine.progress import waiting
from bench.machine.torchrun import rank_of
from bench.machine.weights import WeightStore
from bench.measuring import fork_server
from bench.measuring.precheck import check_choices
from bench.tracking import ExporterApart

if TYPE_CHECKING:
    from bench.commands.outcomes import Outcomes

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
    style: str | None,
    weights: dict[str, Path],
    offline: bool,
    devices: str | None,
    cell: str | None,
    launch: Launch,
    given: Mapping[str, Any],
    **chosen: Any,
) -> int:
    """Run a suite as the options say, and return the exit code of the command.

    Args:
        style: how the leaderboard is printed; None prints none.
        cell: the name of a result file, to measure its cell alone, as a job does.
        launch: whether cells are measured here or by jobs.
        given: the options that the user gave, which the run directory keeps (``bench/contracts/last_command.py``).
    """
    rank, ranks = rank_of() or (0, chosen["ranks"])
    if chosen["ranks"] not in (1, ranks):
        raise BenchError(f"--ranks {chosen['ranks']}: torchrun started {ranks}; leave out --ranks")
    chosen["ranks"] = ranks
    if rank and dry_run:
        return 0
    console = Console(stderr=True, quiet=rank > 0)
    limit = seconds_of(timeout) if timeout else None
    places = chosen_devices(devices, chosen["device"], launch, ranks)
    loaded = load_suite(suite)
    shown = out or Path("runs") / loaded.name
    run = Run(shown.absolute())  # systems may change the working directory, from the import of their module on
    in_background = not launch.here and not launch.wait
    exporter = None if no_mlflow or dry_run or in_background or rank else ExporterApart(run, loaded.name)
    made = elsewhere_specs(reconstructions, codebooks, rates)
    specs = _specs(loaded, systems, added, samples, made)
    if cell:
        loaded, specs = only_for(cell, loaded, specs)
    check_choices(loaded, specs, chosen)
    if reference is not None and not (any(spec.kind in GENERATED for spec in specs) and _compares(loaded)):
        raise BenchError("--reference has no generated images to be compared with; give them with --samples PATH")
    _choose_data(chosen, loaded, specs, reference)
    loaded = of_the_data(loaded, chosen["dataset"])
    if chosen["prompts"] and not any(spec.kind == "backbone" for spec in specs):
        raise BenchError("--prompts are only for pretrained backbones; name one with --system")
    store = WeightStore(weights, offline)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # for the cells too, which inherit it
    with nullcontext() if dry_run else _folder(run, shown):
        if not dry_run and launch.here and len(places) < 2:  # several devices have a server each
            preset = chosen["protocol"]
            fork_server.start([(line.task, preset or line.protocol) for line in loaded.tasks])
        begun: list[Path] = []
        with ExitStack() as closing:
            closing.callback(lambda: None if begun else fork_server.stop())
            with waiting("reading the data and the protocol", console):
                from bench.measuring import runner  # imports torch: seconds that a wrong name should not cost

                options = _options({**chosen, "device": places[0] if places else chosen["device"]}, launch)
                plan = runner.plan(loaded, specs, options, store, run, keyed=launch.here)
                if cell:
                    plan = only_cell(plan, cell)
            if dry_run:
                _print_plan(plan, run, shown)
                return 0
            if rank_of():
                from bench.measuring import team

                if rank:
                    begun += [cell.file for cell in plan.cells]
                    team.follow(fork_server.context(), plan.cells)
                    return 0
                closing.enter_context(team.leading())
            say_before(plan, console)
            if plan.impossible:
                return NOTHING_MEASURED
            if not launch.here:
                launched = Launched(plan.cells, run, shown, launch, given, fresh)
                launched.submit(console)
                if not launch.wait:
                    return 0
                outcomes: Outcomes = launched.outcomes
            else:
                note = _noting(given, plan, run, begun) if not cell else begun.extend
                resolved = [runner.resolve_device(device) for device in places]
                outcomes = partial(runner.execute, plan, run, fresh=fresh, timeout=limit, devices=resolved, begun=note)
            resuming = "the same command resumes from here" if launch.here else "the jobs go on: bench status"
            after = f"{resuming} ({shown})"
            return report_outcomes(outcomes, len(plan.cells), run, shown, exporter, console, style, after)


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


def of_the_data(suite: Suite, dataset: str | None) -> Suite:
    """A suite with the tasks of the chosen data set's modality; where it has none, as it is: they say what is wrong."""
    entry = registry.entries("datasets").get((dataset or "").partition("@")[0])
    if entry is None:  # none is chosen, or that of --reference, which is a file
        return suite
    tasks = [line for line in suite.tasks if entry.serves(registry.get("tasks", line.task).scope)]
    # Lines that differ in their data alone are one now.
    once = list({(line.task, line.protocol): line for line in reversed(tasks)}.values())[::-1]
    return suite.model_copy(update={"tasks": once}) if tasks else suite


def _options(chosen: dict[str, Any], launch: Launch) -> Options:
    """The options of the cells; the device of a job is that of its node, where the job resolves it."""
    from bench.measuring import runner

    if launch.here:
        chosen["device"] = runner.resolve_device(chosen["device"], 1 if rank_of() else chosen["ranks"])
    if chosen["workers"] is None:
        chosen["workers"] = runner.default_workers(chosen["device"])
    return Options(**chosen)


def _print_plan(plan: Any, run: Run, shown: Path) -> None:
    """Print what would be measured, then what prevents some of it, and last the protocols, which are long."""
    click.echo("cells")
    for cell in plan.cells:
        finished, changed = run.look(cell.file, cell.key) if cell.key else (finished_anywhere(run, cell), "")
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


def _noting(given: Mapping[str, Any], plan: Any, run: Run, begun: list[Path]) -> Callable[[list[Path]], None]:
    """A function that notes the command in the run directory, given the files of the cells that are left.

    Args:
        begun: takes these files.
    """

    def note(left: list[Path]) -> None:
        begun.extend(left)
        systems = {cell.file.name: cell.job.system.text for cell in plan.cells}
        pending = [file.name for file in left]
        files = [cell.file for cell in plan.cells]
        process = asdict(this_process())
        LastCommand.of(dict(given), files, systems=systems, pending=pending, process=process).save(run.path)

    return note
