"""`bench leaderboard`: results from disk to tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import click

from bench.commands.selection import select_results
from bench.commands.sources import files_in
from bench.contracts.results import Result, read_result, result_files
from bench.errors import BenchError, UnknownName
from bench.exit_codes import CELL_FAILED
from bench.leaderboard import render
from bench.leaderboard.isolation import Fault, isolated
from bench.leaderboard.relative import relative
from bench.leaderboard.table import Table, build
from bench.paired.samples import Beside


def print_leaderboard(
    paths: tuple[Path, ...], systems: tuple[str, ...], without: tuple[str, ...], style: str, relative_to: str | None
) -> int:
    """Print the tables of the chosen results and return the exit code of the command."""
    results, unread = read_each(files_in(paths))
    chosen = select_results(results, systems, without)
    report_faults((str(fault.item), fault) for fault in unread)
    code = print_tables(chosen, style, relative_to)
    return CELL_FAILED if unread else code


def print_tables(results: Sequence[tuple[Path, Result]], style: str, relative_to: str | None = None) -> int:
    """Print the tables of results on stdout, in bold where it is a terminal.

    Results that cannot be shown are named on stderr.

    Args:
        results: the results, each with its file.
        relative_to: name of the row that differences are shown to; without it, values are shown.

    Returns:
        0, or the exit code that means that something is left out.

    Raises:
        UnknownName: no table has the row that differences are to be shown to.
    """
    (text, unknown), faults = isolated(results, partial(_text, style=style, relative_to=relative_to))
    if unknown:
        raise unknown
    click.echo(text, nl=False)
    report_faults((fault.item[1].system.name, fault) for fault in faults)
    return CELL_FAILED if faults else 0


def _text(
    results: Sequence[tuple[Path, Result]], style: str, relative_to: str | None
) -> tuple[str, UnknownName | None]:
    """The tables as text; no text but an error where none of them has the row that differences are to be shown to.

    That is not the fault of a result, so the error is not raised here.
    """
    tables = tables_of(results)
    try:
        references = relative(tables, relative_to)
    except UnknownName as unknown:
        return "", unknown
    if style == "terminal":
        return render.styled(tables, references=references), None
    return render.render(tables, style, references=references), None


def read_each(files: Sequence[Path]) -> tuple[list[tuple[Path, Result]], list[Fault[Path]]]:
    """The results of files, each with its file, and the files that hold none.

    Raises:
        BenchError: none of the files holds a result.
    """
    results, unread = [], []
    for file in files:
        try:
            results.append((file, read_result(file)))
        except BenchError as error:
            unread.append(Fault(file, error))
    if unread and not results:
        raise unread[0].error
    return results, unread


def report_faults(faults: Iterable[tuple[str, Fault[object]]]) -> None:
    """Report on stderr what is not shown, or not in full, by name."""
    for name, fault in faults:
        outcome = "shown without its samples" if fault.reduced else "left out"
        named = fault.reason if fault.reason.startswith(name) else f"{name}: {fault.reason}"
        click.echo(f"{outcome}: {named}", err=True)


def tables_of(results: Sequence[tuple[Path, Result]]) -> list[Table]:
    """The tables of results, compared on the samples that lie beside their files."""
    return build((result for _, result in results), Beside.of(results))


def read_results(path: Path) -> list[tuple[Path, Result]]:
    """The files and results of a run directory, of a folder of them or of result files, or of one file."""
    return [(file, read_result(file)) for file in result_files(path)]
