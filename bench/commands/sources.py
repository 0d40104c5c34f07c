"""The result files in the paths that a command is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bench.contracts.results import result_files
from bench.errors import NoResults


def files_in(paths: Sequence[Path]) -> list[Path]:
    """The result files in all paths, in order; a path without any is named on stderr.

    Raises:
        NoResults: none of the paths has any.
    """
    files = {path: result_files(path) for path in paths}
    if not any(files.values()):
        raise NoResults(*paths)
    for path, results in files.items():
        if not results:
            click.echo(f"warning: no results in {path}", err=True)
    return [file for results in files.values() for file in results]
