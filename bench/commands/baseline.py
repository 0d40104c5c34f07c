"""`bench baseline update`: take a run as the baseline of later ones."""

from __future__ import annotations

from pathlib import Path

import click

from bench.commands.selection import say_earlier, select
from bench.contracts.results import Run, broken_metrics
from bench.errors import BenchError
from bench.exit_codes import CELL_FAILED, NOTHING_MEASURED
from bench.gate import baseline, lines, terminal
from bench.gate.pairing import read


def update_baseline(
    runs: tuple[Path, ...],
    folder: Path,
    systems: tuple[str, ...],
    without: tuple[str, ...],
    partial: bool,
    everything: bool,
    dry_run: bool,
) -> int:
    """Print what changes in the baseline, write it, and return the exit code of the command."""
    measured = select(read(*runs), systems, without, lambda one: one.name, "the run")
    say_earlier([(one.file, one.result) for one in measured])
    failed = [one for one in measured if one.result.status == "failed"]
    for one in failed:
        error = one.result.errors[0] if one.result.errors else None
        where = " in an earlier command" if one.earlier else ""
        click.echo(f"failed{where}: {one.name}: {error.told if error else 'no reason recorded'}", err=True)
    lost = [f"{one.name}: {reason}" for one in measured for reason in broken_metrics(one.result.metrics)]
    for line in lost:
        click.echo(f"lost: {line}", err=True)
    if (lost or not all(one.earlier for one in failed)) and not partial:
        click.echo(
            "nothing is written: measure these again, leave them out with --without NAME, or take the others with "
            "--partial",
            err=True,
        )
        return CELL_FAILED
    if len(failed) == len(measured):
        return NOTHING_MEASURED
    only = [one.name for one in measured] if systems or without else []
    update = baseline.plan(measured, folder, only, everything)
    if not update.write and not update.report.matched.pairs:
        return NOTHING_MEASURED
    terminal.show(lines.describe(update.report))
    for file in update.replaced:
        click.echo(f"{'to remove' if dry_run else 'removed'}: {file} (another protocol)")
    for one in update.write:
        click.echo(f"{'to write' if dry_run else 'written'}: {Run(folder).file_of(one.name, one.result.protocol)}")
    kept = len({pair.after.name for pair in update.report.matched.pairs} - {one.name for one in update.write})
    click.echo(f"{len(update.write)} results to write, {kept} unchanged and left as they are")
    if dry_run:
        click.echo("dry run: nothing is written")
    else:
        try:
            baseline.apply(update, folder)
        except OSError as error:
            raise BenchError(f"--baseline {folder}: cannot be written: {error.strerror}; give another path") from error
    return 0
