"""`bench status`: what has become of the cells of a run directory."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.contracts.results import Run
from bench.exit_codes import CELL_FAILED, NOTHING_MEASURED
from bench.jobs.status import CellState, states_in
from bench.leaderboard.reasons import clean
from bench.machine.durations import duration

COLORS = {"done": "green", "running": "cyan", "failed": "red", "cancelled": "red", "missing": "yellow"}


def print_status(path: Path, style: str) -> int:
    """Print the states of the cells on stdout and return the exit code of the command."""
    states = states_in(Run(path))
    if style == "json":
        click.echo(json.dumps([asdict(state) for state in states], indent=1))
    else:
        _print_table(states)
    if any(state.state in ("failed", "cancelled") for state in states):
        return CELL_FAILED
    return 0 if all(state.state == "done" for state in states) else NOTHING_MEASURED


def _print_table(states: list[CellState]) -> None:
    table = Table.grid(padding=(0, 2))
    for state in states:
        name = state.file.rpartition("--")[0].rpartition("--")[2]
        job = f"job {state.job}" if state.job and state.state != "done" else ""
        parts = (job, _since(state), state.where, *_progress(state))
        table.add_row(
            f"[{COLORS.get(state.state, 'default')}]{state.state}[/]",
            *(_literal(text) for text in (state.system, name, " · ".join(filter(None, parts)))),
        )
    console = Console()
    console.print(table, soft_wrap=True)
    counts = Counter(state.state for state in states)
    console.print(", ".join(f"{number} {state}" for state, number in counts.items()), highlight=False)
    if counts["missing"]:
        click.echo("the same `bench run` measures what is missing", err=True)


def _literal(text: str) -> str:
    from rich.markup import escape

    return escape(clean(text))


def _since(state: CellState) -> str:
    """For how long a cell has been running, as text."""
    if not state.since:
        return ""
    return duration(max(0.0, (datetime.now(UTC) - datetime.fromisoformat(state.since)).total_seconds()))


def _progress(state: CellState) -> tuple[str, str]:
    return state.detail, f"{state.done} of {state.total}" if state.total else ""
