"""What ``bench show`` prints of a result file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.contracts.sweep import Sweep
    from bench.contracts.trainings import Trainings


def print_result(file: Path) -> None:
    """Print the values of a result, with its sweep or its trainings, warnings and errors.

    Raises:
        BenchError: the file is not a result.
    """
    from bench.contracts.results import read_result
    from bench.leaderboard.reasons import clean

    result = read_result(file)
    click.echo(f"{result.system.name}: {result.status}, {result.finished}")
    click.echo(f"  {result.protocol.line()}")
    for metric, measured in result.protocol.metrics.items():
        click.echo(f"  metric {metric} v{measured.version} [{result.protocol.fingerprint_of(metric)}]")
    for name, estimate in result.metrics.items():
        if estimate.value is None:
            click.echo(f"  {name:<34} - ({estimate.lacking})")
            continue
        interval = f" [{estimate.interval[0]:.6g}, {estimate.interval[1]:.6g}]" if estimate.interval else ""
        note = f"  ({estimate.note})" if estimate.note else ""
        click.echo(f"  {name:<34} {estimate.value:.6g}{interval} {estimate.unit}{note}")
    if result.sweep:
        _print_sweep(result.sweep)
    if result.trainings:
        _print_trainings(result.trainings)
    for warning in result.warnings:
        click.echo(f"  warning: {clean(warning)}")
    for error in result.errors:
        click.echo(error.traceback or f"{error.type}: {error.told}")


def _print_sweep(sweep: Sweep) -> None:
    """Print the rows of a sweep as a table, words on the left and numbers on the right of their columns."""
    from bench.leaderboard.sweeps import sweep_table

    table = sweep_table(sweep)
    _print_grid((table.titles, *table.rows), table.texts, table.remarks)


def _print_trainings(trainings: Trainings) -> None:
    """Print a few looks at trainings as a table, a row per value."""
    from bench.leaderboard.trainings import training_table

    table = training_table(trainings)
    _print_grid((table.titles, *((title, *texts) for title, texts in table.rows)), {0}, [table.remark])


def _print_grid(rows: Sequence[Sequence[str]], words: Collection[int], remarks: Iterable[str]) -> None:
    """Print rows of texts in columns, those at the positions of ``words`` to the left, and remarks below them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        texts = (
            text.ljust(width) if place in words else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo(f"  {'  '.join(texts)}".rstrip())
    for remark in remarks:
        click.echo(f"  {remark}")
