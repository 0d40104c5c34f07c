"""`bench publish`: results from disk to a static site."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from rich.console import Console

from bench.commands.selection import select_results
from bench.errors import BenchError, NoResults
from bench.results import result_files

MARK = ".bench-site"
"""A file that says that a folder was written by this command, and may be replaced by it."""


def publish(paths: tuple[Path, ...], out: Path, systems: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> int:
    """Write the site of the chosen results; the exit code of the command."""
    from bench.publishing import sources
    from bench.publishing.site import Site

    files = [file for path in paths for file in result_files(path)]
    if not files:
        raise NoResults(*paths)
    _check(out)
    console = Console(stderr=True)
    with console.status(f"reading {len(files)} results ..."):
        found = sources.read(files, lambda results: select_results(results, systems, without))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        made = Path(folder) / "site"
        with console.status("writing the site ...") as status:
            for count, (name, data) in enumerate(Site(found).files()):
                status.update(f"writing the site ... {count} files")
                file = made / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
        (made / MARK).touch()
        # The old site is there until the new one is whole.
        if out.exists():
            out.rename(Path(folder) / "old")
        made.rename(out)
    tables, shown = len(found.tables), len({row.result.system.name for t in found.tables for row in t.rows})
    click.echo(f"{tables} table{'s'[: tables != 1]}, {shown} system{'s'[: shown != 1]}: {out / 'index.html'}")
    return 0


def _check(out: Path) -> None:
    """BenchError if something else than a site is where the site is to be."""
    if out.exists() and not (out / MARK).exists() and (not out.is_dir() or any(out.iterdir())):
        raise BenchError(f"--out {out}: there is something that is no site of bench publish; choose another folder")
