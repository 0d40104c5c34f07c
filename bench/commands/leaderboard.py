"""`bench leaderboard`: results from disk to tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bench.commands.sources import files_in
from bench.leaderboard import render, table
from bench.results import Result, read_result


def print_leaderboard(paths: tuple[Path, ...], style: str) -> int:
    """Print the tables of all results found; the exit code of the command."""
    print_tables([read_result(file) for file in files_in(paths)], style)
    return 0


def print_tables(results: Sequence[Result], style: str) -> None:
    """The tables of results on stdout; in bold where it is a terminal."""
    tables = table.build(results)
    if style == "terminal":
        render.show(tables)
    else:
        click.echo(render.render(tables, style), nl=False)
