"""`bench publish`: results from disk to a static site."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from bench.commands.leaderboard import read_each, report_faults
from bench.commands.selection import select_results
from bench.commands.sources import files_in
from bench.contracts.results import Result
from bench.errors import BenchError
from bench.exit_codes import CELL_FAILED
from bench.leaderboard.isolation import Fault, isolated

if TYPE_CHECKING:
    from rich.status import Status

    from bench.site.site import Site

MARK = ".bench-site"
"""A file that marks a folder as written by this command, which may replace it."""


class _NotWritten(BenchError):
    """The site cannot be written, which is not the fault of a result."""


def publish(paths: tuple[Path, ...], out: Path, systems: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> int:
    """Write the site of the chosen results and return the exit code of the command."""
    from bench.site import sources

    files = files_in(paths)
    _check(out)
    console = Console(stderr=True)
    with console.status(f"reading {len(files)} results ..."):
        results, unread = read_each(files)
        results = select_results(results, systems, without)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        made = Path(folder) / "site"
        with console.status("writing the site ...") as status:

            def write(chosen: Sequence[tuple[Path, Result]]) -> Site:
                return _write(chosen, made, status)

            site, faults = isolated(results, write, sources.without_samples, fatal=(_NotWritten,))
        reported: list[tuple[Path, Fault[object]]] = [
            *((fault.item, fault) for fault in unread),
            *((fault.item[0], fault) for fault in faults),
        ]
        # Paths of this machine do not belong on a public site.
        left_out = {
            file.name: fault.reason.replace(str(file), file.name) for file, fault in reported if not fault.reduced
        }
        (made / "index.html").write_bytes(site.index(left_out))
        (made / MARK).touch()
        # The old site is there until the new one is whole.
        if out.exists():
            out.rename(Path(folder) / "old")
        made.rename(out)
    shown = site.sources.tables
    tables, count = len(shown), len({row.result.system.name for table in shown for row in table.rows})
    click.echo(f"{tables} table{'s'[: tables != 1]}, {count} system{'s'[: count != 1]}: {out / 'index.html'}")
    report_faults((str(file), fault) for file, fault in reported)
    return CELL_FAILED if reported else 0


def _write(results: Sequence[tuple[Path, Result]], folder: Path, status: Status) -> Site:
    """Write the site of these results into a folder, which replaces what an earlier attempt left there."""
    from bench.site import sources
    from bench.site.site import Site

    shutil.rmtree(folder, ignore_errors=True)
    site = Site(sources.gathered(results))
    for count, (name, data) in enumerate(site.files(), 1):
        status.update(f"writing the site ... {count} files")
        file = folder / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        except OSError as error:
            raise _NotWritten(f"cannot write the site: {error}") from error
    return site


def _check(out: Path) -> None:
    """BenchError if something other than a site is where the site is to be."""
    if out.exists() and not (out / MARK).exists() and (not out.is_dir() or any(out.iterdir())):
        raise BenchError(f"--out {out}: it holds something that is not a site of bench publish; choose another folder")
