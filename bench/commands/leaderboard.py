"""`bench leaderboard`: results from disk to tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bench.commands.selection import select_results
from bench.errors import NoResults
from bench.leaderboard import render, table
from bench.results import Result, read_result, result_files


def print_leaderboard(paths: tuple[Path, ...], systems: tuple[str, ...], without: tuple[str, ...], style: str) -> int:
    """Print the tables of the chosen results; the exit code of the command."""
    read = [(file, read_result(file)) for path in paths for file in result_files(path)]
    if not read:
        raise NoResults(*paths)
    print_tables([result for _, result in select_results(read, systems, without)], style)
    return 0


def print_tables(results: Sequence[Result], style: str) -> None:
    """The tables of results on stdout; in bold where it is a terminal."""
    tables = table.build(results)
    if style == "terminal":
        render.show(tables)
    else:
        click.echo(render.render(tables, style), nl=False)


def read_results(path: Path) -> Iterator[Result]:
    """The results of a run directory, of a folder of them or of result files, or of one file."""
    yield from map(read_result, result_files(path))
