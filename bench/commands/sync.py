"""`bench sync`: replay to MLflow what a run could not log."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from bench.contracts.results import Run
from bench.exit_codes import CELL_FAILED
from bench.machine.durations import seconds_of
from bench.machine.progress import waiting


def sync_runs(paths: tuple[Path, ...], timeout: str | None) -> int:
    """Sync each run within the time, print what happened and return the exit code of the command."""
    from bench.tracking import sync_apart

    limit, console = seconds_of(timeout) if timeout else None, Console(stderr=True)
    code = 0
    for path in paths:
        with waiting(f"logging {path}", console):
            report = sync_apart(Run(path), timeout=limit)
        click.echo(f"{path}: {report}")
        if not report.ok:
            code = CELL_FAILED
    return code
