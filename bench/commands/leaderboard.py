"""`bench leaderboard`: results from disk to tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bench.cli import NOTHING_MEASURED
from bench.leaderboard import render, table
from bench.results import Result, Run, read_result


def print_leaderboard(paths: tuple[Path, ...], style: str) -> int:
    """Print the tables of all results found; the exit code of the command."""
    results = [result for path in paths for result in read_results(path)]
    if not results:
        click.echo(f"no results in {', '.join(map(str, paths))}", err=True)
        return NOTHING_MEASURED
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


def result_files(path: Path) -> list[Path]:
    """The files of the results that a path names, as ``read_results`` reads them."""
    if path.is_file():
        return [path]
    if (path / "results").is_dir():
        return Run(path).files()
    if runs := sorted(folder.parent for folder in path.glob("*/results")):
        return [file for run in runs for file in Run(run).files()]
    return sorted(path.glob("*.json"))
