"""`bench remove`: remove results that are no longer wanted from a run directory."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.commands.selection import select
from bench.contracts.results import Result, Run, read_result
from bench.errors import BenchError, NoResults
from bench.exit_codes import NOTHING_MEASURED
from bench.leaderboard.reasons import clean, shortened
from bench.tracking.removal import belongings, remove


def remove_results(path: Path, systems: tuple[str, ...], failed: bool, yes: bool) -> int:
    """Show what is to be removed, ask, remove it, and return the exit code of the command."""
    if not systems and not failed:
        raise BenchError("name what to remove: --system NAME, --failed for all cells that failed, or both")
    run = Run(path)
    results = _read(run)
    readable = [(file, result) for file, result in results.items() if result is not None]
    chosen = select(readable, systems, (), lambda pair: pair[1].system.name, str(path))
    going = {file: result for file, result in chosen if result.status == "failed" or not failed}
    if not going:
        click.echo(f"no failed cells{' of these systems' if systems else ''} in {path}; nothing is removed", err=True)
        return NOTHING_MEASURED
    files = belongings(run, results, going)
    for file, result in going.items():
        click.echo(clean(f"{result.system.name} × {result.protocol.task}: {_state(result)}"))
        click.echo(f"  {file}")
    more = len(files) - len(going)
    click.echo(f"{len(going)} result{'s'[: len(going) != 1]} and {more} file{'s'[: more != 1]} of their samples")
    if not yes and not _agreed():
        click.echo("nothing is removed", err=True)
        return NOTHING_MEASURED
    try:
        stores = remove(run, files)
    except OSError as error:
        raise BenchError(f"{error.filename}: cannot be removed: {error.strerror}") from error
    click.echo("removed")
    for store in stores:
        click.echo(f"MLflow ({store}) keeps its record of them; `bench sync {path}` marks it as removed")
    return 0


def _read(run: Run) -> dict[Path, Result | None]:
    """All results of a run directory; None for one that cannot be read, which is reported on stderr."""
    if not (files := run.files()):
        raise NoResults(run.path)
    results: dict[Path, Result | None] = {}
    for file in files:
        try:
            results[file] = read_result(file)
        except BenchError as error:
            results[file] = None
            click.echo(clean(f"left alone: {error}"), err=True)
    return results


def _state(result: Result) -> str:
    if result.status == "ok":
        return f"measured {result.started[:19]}"
    error = result.errors[0] if result.errors else None
    return f"FAILED {result.started[:19]}: {shortened(f'{error.type}: {error.told}') if error else 'no reason'}"


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise BenchError("stdin is not a terminal, so nobody can confirm; give --yes to remove these")
    return click.confirm("remove them?", default=False)
