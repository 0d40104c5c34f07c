"""The outcomes of the cells of a command: reported as they come, exported, ranked, and turned into an exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from bench.commands.leaderboard import print_tables
from bench.contracts.results import Result, Run, broken_metrics
from bench.exit_codes import CELL_FAILED, NOTHING_MEASURED
from bench.leaderboard.reasons import clean
from bench.machine.progress import CellProgress
from bench.tracking import ExporterApart

if TYPE_CHECKING:
    from bench.measuring.outcomes import Outcome

    Outcomes = Callable[[CellProgress], Iterator[Outcome | None]]


def say(console: Console, text: str) -> None:
    """Print a line that others may have written, in full and without effect on the terminal."""
    console.print(clean(text), markup=False, highlight=False, soft_wrap=True)


def say_before(plan: Any, console: Console) -> None:
    """Print what is missing, and what makes numbers worthless."""
    for reason in plan.missing.values():
        say(console, f"unavailable: {reason}")
    for warning in plan.warnings:
        say(console, f"warning: {warning}")
    if plan.impossible:
        say(console, f"Error: {plan.impossible}")


class _Terminated(KeyboardInterrupt):
    """The command was told to end by SIGTERM."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def report_outcomes(
    measured: Outcomes,
    cells: int,
    run: Run,
    shown: Path,
    exporter: ExporterApart | None,
    console: Console,
    style: str | None,
    after: str,
) -> int:
    """Report the outcomes of cells as they come, then their table, and return the exit code of the command.

    Args:
        measured: gives the outcomes, and None for a cell that ended without a result.
        cells: the number of cells.
        shown: the run directory as the user knows it.
        style: how the table is printed; None prints none.
        after: what to do after an interruption, for people.
    """
    outcomes: list[Outcome] = []
    lost = 0
    status: Literal["FINISHED", "FAILED", "KILLED"] = "FAILED"
    earlier = signal.signal(signal.SIGTERM, _terminate)
    try:
        with CellProgress(cells, console) as progress:
            for outcome in measured(progress):
                if outcome is None:
                    lost += 1
                    continue
                outcomes.append(outcome)
                for warning in outcome.result.warnings:
                    say(console, f"warning: {outcome.result.system.name}: {warning}")
                if exporter:
                    exporter.export(outcome.file)
        status = "FINISHED"
    except KeyboardInterrupt as interruption:
        status = "KILLED"
        say(console, f"interrupted; {after}")
        return 128 + (signal.SIGTERM if isinstance(interruption, _Terminated) else signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, earlier)
        if exporter:
            exporter.close(status)
    results = [outcome.result for outcome in outcomes]
    for result in results:
        for reason in broken_metrics(result.metrics):
            say(console, f"lost: {result.system.name}: {reason}")
    shown_code = 0
    if outcomes and style:
        shown_code = print_tables([(outcome.file, outcome.result) for outcome in outcomes], style)
    _say_where(run, shown, exporter, console, len(results))
    return _exit_code(results, lost) or shown_code


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


def _exit_code(results: list[Result], lost: int) -> int:
    """The exit code of a command from its results and the number of cells that have none."""
    failed = [result for result in results if result.status == "failed"]
    if len(failed) == len(results):
        return NOTHING_MEASURED
    return CELL_FAILED if failed or lost or any(broken_metrics(result.metrics) for result in results) else 0
