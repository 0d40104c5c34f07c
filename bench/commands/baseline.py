"""`bench baseline update`: take a run as the baseline of later ones."""

from __future__ import annotations

from pathlib import Path

import click

from bench.commands.selection import note_earlier, select
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
    measured = select(read(*runs), systems, without, lambda entry: entry.name, "the run")
    note_earlier([(entry.file, entry.result) for entry in measured])
    failed = [entry for entry in measured if entry.result.status == "failed"]
    for entry in failed:
        error = entry.result.errors[0] if entry.result.errors else None
        where = " in an earlier command" if entry.earlier else ""
        click.echo(f"failed{where}: {entry.name}: {error.told if error else 'no reason recorded'}", err=True)
    lost = [f"{entry.name}: {reason}" for entry in measured for reason in broken_metrics(entry.result.metrics)]
    for line in lost:
        click.echo(f"lost: {line}", err=True)
    if (lost or not all(entry.earlier for entry in failed)) and not partial:
        click.echo(
            "nothing is written: measure these again, leave them out with --without NAME, or take the others with "
            "--partial",
            err=True,
        )
        return CELL_FAILED
    if len(failed) == len(measured):
        return NOTHING_MEASURED
    only = [entry.name for entry in measured] if systems or without else []
    update = baseline.plan(measured, folder, only, everything)
    if not update.write and not update.report.matched.pairs:
        return NOTHING_MEASURED
    terminal.show(lines.describe(update.report))
    for file in update.replaced:
        click.echo(f"{'to remove' if dry_run else 'removed'}: {file} (another protocol)")
    for entry in update.write:
        click.echo(f"{'to write' if dry_run else 'written'}: {Run(folder).file_of(entry.name, entry.result.protocol)}")
    kept = len({pair.after.name for pair in update.report.matched.pairs} - {entry.name for entry in update.write})
    click.echo(f"{len(update.write)} results to write, {kept} unchanged and left as they are")
    if dry_run:
        click.echo("dry run: nothing is written")
    else:
        try:
            baseline.apply(update, folder)
        except OSError as error:
            raise BenchError(f"--baseline {folder}: cannot be written: {error.strerror}; give another path") from error
    return 0
