"""`bench sync`: replay to MLflow what a run could not log."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import CELL_FAILED
from bench.results import Run


def sync_runs(paths: tuple[Path, ...]) -> int:
    """Sync each run and say what happened; the exit code of the command."""
    from bench.tracking import sync

    code = 0
    for path in paths:
        report = sync(Run(path))
        click.echo(f"{path}: {report}")
        if not report.ok:
            code = CELL_FAILED
    return code
