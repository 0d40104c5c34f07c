"""Selection of systems among results on disk, and the note on results of earlier commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import click

from bench.contracts.last_command import of_earlier_commands
from bench.contracts.results import Result, Run, read_result
from bench.errors import BenchError, UnknownName
from bench.gate.remarks import earlier_line
from bench.leaderboard.reasons import clean

T = TypeVar("T")


def select(
    results: Sequence[T], only: Sequence[str], without: Sequence[str], name_of: Callable[[T], str], where: str
) -> list[T]:
    """The results of the systems ``only`` (of all, if it is empty) except those ``without``.

    Args:
        name_of: gives the name of a result's system.
        where: what the results are called in messages.

    Raises:
        UnknownName: no result has one of the names; the message offers similar ones.
        BenchError: nothing is left.
    """
    names = {name_of(result) for result in results}
    for name in (*only, *without):
        if name not in names:
            raise UnknownName(f"system of {where}", name, names)
    chosen = [result for result in results if (not only or name_of(result) in only) and name_of(result) not in without]
    if results and not chosen:
        raise BenchError(f"--without leaves no systems of {where}; it has only {', '.join(sorted(names))}")
    return chosen


def select_results(
    results: Sequence[tuple[Path, Result]], only: Sequence[str], without: Sequence[str]
) -> list[tuple[Path, Result]]:
    """The results of the chosen systems, each with its file; those of earlier commands are named on stderr."""
    chosen = select(results, only, without, lambda pair: pair[1].system.name, "these results")
    note_earlier(chosen)
    return chosen


def note_earlier(results: Sequence[tuple[Path, Result]]) -> None:
    """Name on stderr the results that the last command of their run directory did not ask for, if there are any."""
    earlier = of_earlier_commands([file for file, _ in results])
    if line := earlier_line([result for file, result in results if file in earlier]):
        click.echo(clean(f"note: {line}"), err=True)


def earlier_in(run: Run) -> str:
    """A line naming the results of a run directory that its last command did not ask for; empty if there are none."""
    results = []
    for file in sorted(of_earlier_commands(run.files())):
        with suppress(BenchError):  # the commands that read results report those that cannot be read
            results.append(read_result(file))
    return clean(earlier_line(results))
