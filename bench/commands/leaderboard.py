"""`bench leaderboard`: results from disk to tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bench.errors import NoResults
from bench.leaderboard import render, table
from bench.results import Result, read_result, result_files


def print_leaderboard(paths: tuple[Path, ...], style: str) -> int:
    """Print the tables of all results found; the exit code of the command."""
    results = [result for path in paths for result in read_results(path)]
    if not results:
        raise NoResults(*paths)
    print_tables(results, style)
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
