"""`bench reproduce`: reported numbers, measured again under their presets by `bench run`, with a verdict on each."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.commands.reproducible import Batch, Wish, is_meant, is_offline
from bench.contracts.last_command import LastCommand
from bench.contracts.results import Result, Run, read_result
from bench.contracts.system import parse
from bench.errors import BenchError
from bench.exit_codes import CELL_FAILED, DIFFERS, NOTHING_MEASURED
from bench.jobs.settings import Launch
from bench.leaderboard.ledger import Line, Row, lines, rows
from bench.leaderboard.ledger_text import data_of, text
from bench.leaderboard.reported import number, texts
from bench.reported.model import catalogs

RUNS = Path("runs") / "reproduce"
"""Where the run directories are by default, one for each preset."""
INTERRUPTED = 128


def reproduce(
    names: tuple[str, ...],
    metrics: tuple[str, ...],
    preset: str | None,
    catalog: Path | None,
    out: Path | None,
    style: str,
    options: Mapping[str, Any],
    given: Mapping[str, Any],
) -> int:
    """List what can be measured again, or measure it where data are given; return the exit code of the command.

    Args:
        names: the rows that are meant; see :meth:`Wish.of`.
        metrics: the metrics that are meant; all if empty.
        preset: measure under this preset whatever the sources follow.
        catalog: a folder of files of reported numbers instead of the bench's.
        out: the folder of the run directories.
        options: the options of `bench run` that it takes, by parameter.
        given: those that the user gave, as the run directories keep them.
    """
    wish = Wish.of([*rows(catalogs(catalog) if catalog else catalogs())], names, metrics, preset)
    if not wish.rows:
        raise _nothing_meant(names, preset)
    listing = not options["data"] and not options["dataset"]
    batches, reasons = wish.batches(offline=not listing and is_offline(options["offline"]))
    if listing:
        again = Again(names, metrics, preset, catalog, several=_conflict(batches) is not None)
        _print_listing(wish, batches, reasons, style, again)
        return 0
    if conflict := _conflict(batches):
        raise conflict
    results, codes = _measured(batches, out or RUNS, options, given, reasons)
    interrupted = next((code for code in codes if code >= INTERRUPTED), 0)
    if interrupted or options["dry_run"]:
        return interrupted
    ledger = _ledger(wish, results, reasons)
    click.echo(json.dumps([line.record() for line in ledger], indent=1) if style == "json" else text(ledger), nl=False)
    return _exit_code(ledger, codes)


def _ledger(wish: Wish, results: Sequence[Result], reasons: Mapping[Row, str]) -> list[Line]:
    """The lines of all rows that are meant, those without a measurement with the reason."""
    ledger = []
    for row in wish.rows:
        measured = [] if row in reasons else results
        of_system = [result for result in measured if result.system.name == wish.spec(row)]
        ledger += lines(row, of_system, reasons.get(row, ""))
    return [line for line in ledger if wish.counts(line.metric)]


def _measured(
    batches: Sequence[Batch],
    out: Path,
    options: Mapping[str, Any],
    given: Mapping[str, Any],
    reasons: dict[Row, str],
) -> tuple[list[Result], list[int]]:
    """The results of the batches, and the exit codes of their commands; why one could not run goes into ``reasons``."""
    results: list[Result] = []
    codes: list[int] = []
    for batch in batches:
        folder = out / batch.preset
        try:
            codes.append(_run(batch, folder, options, given))
        except BenchError as error:
            if len(batches) == 1:
                raise
            click.echo(f"{batch.preset}: {error}", err=True)
            codes.append(CELL_FAILED)
            reasons |= {row: str(error) for row, _ in batch.rows}
            continue
        if codes[-1] >= INTERRUPTED:
            break
        if not options["dry_run"]:
            results += _results(folder)
    return results, codes


def _run(batch: Batch, folder: Path, options: Mapping[str, Any], given: Mapping[str, Any]) -> int:
    from bench.commands.run import run_suite  # what a list does not need

    chosen = dict(options)
    chosen["dataset"] = chosen["dataset"] or batch.dataset or None
    named = {"suite": batch.task, "system": batch.specs, "protocol": batch.preset, "out": str(folder)}
    click.echo(f"{batch.preset}: {_count(len(batch.rows), 'row')}, {_count(len(batch.specs), 'system')}", err=True)
    return run_suite(
        suite=batch.task,
        systems=tuple(batch.specs),
        added=(),
        samples=(),
        reconstructions={},
        codebooks=(),
        rates=(),
        reference=None,
        prompts=None,
        out=folder,
        protocol=batch.preset,
        style=None,
        devices=None,
        cell=None,
        launch=Launch(),
        given={**given, **({"dataset": chosen["dataset"]} if chosen["dataset"] else {}), **named},
        **chosen,
    )


def _results(folder: Path) -> list[Result]:
    """What the last command of a run directory asked for and has."""
    last = LastCommand.load(folder)
    files = [Run(folder).folder / name for name in last.cells] if last else []
    return [read_result(file) for file in files if file.exists()]


def _nothing_meant(names: Sequence[str], preset: str | None) -> BenchError:
    """The error of a command that means no row."""
    if names or not preset:
        return BenchError("no reported number is of these names and metrics", "run: bench reproduce")
    return BenchError(
        f"preset {preset} follows no source of such numbers", "name systems, to measure them under it without a verdict"
    )


def _conflict(batches: Sequence[Batch]) -> BenchError | None:
    """The error if the sources used different data, since --data names one."""
    presets: dict[tuple[str, str], str] = {}
    for batch in batches:
        for name, splits in batch.data.items():
            presets |= {(name, split): batch.preset for split in splits or {""}}
    stated = {name for name, split in presets if split}
    different = {key: preset for key, preset in presets.items() if key[1] or key[0] not in stated}
    if len(different) > 1:
        named = ", ".join(f"{' '.join(filter(None, key))} (preset {preset})" for key, preset in different.items())
        return BenchError(f"these numbers were measured on different data: {named}", "name systems, or give --preset")
    return None


def _exit_code(ledger: Sequence[Line], codes: Sequence[int]) -> int:
    if not any(line.measured for line in ledger):
        return NOTHING_MEASURED
    if any(codes):
        return CELL_FAILED
    return DIFFERS if any(line.verdict.kind == "differs" for line in ledger) else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s'[: number != 1]}"


@dataclass(frozen=True)
class Again:
    """What the user gave to list rows, from which the command that measures them is made.

    Attributes:
        names: the rows that are meant.
        metrics: the metrics that are meant.
        preset: the preset that was given.
        catalog: the folder of the user's catalogue.
        several: whether the rows need several data sets, so that a command has to choose a preset.
    """

    names: Sequence[str]
    metrics: Sequence[str]
    preset: str | None
    catalog: Path | None
    several: bool

    def command(self, batch: Batch) -> str:
        """The command that measures a batch; all batches of named rows at once where one data set serves them."""
        chosen = self.preset or (batch.preset if self.several or not self.names else None)
        options = [("--preset", chosen), *(("--metric", metric) for metric in self.metrics)]
        options += [("--catalog", str(self.catalog) if self.catalog else None), ("--data", _data_hint(batch))]
        given = [part for option, value in options if value for part in (option, value)]
        meant = [name for name in self.names if any(is_meant(row, name) for row, _ in batch.rows)]
        return shlex.join(["bench", "reproduce", *(meant if self.several else self.names), *given])


def _print_listing(wish: Wish, batches: Sequence[Batch], reasons: Mapping[Row, str], style: str, again: Again) -> None:
    """Print what can be measured, by preset with its command, then the other rows by reason."""
    if style == "json":
        click.echo(json.dumps(_records(wish, batches, reasons), indent=1))
        return
    for batch in batches:
        _print_batch(wish, batch, again.command(batch))
    by_reason: dict[str, list[Row]] = {}
    for row, reason in reasons.items():
        by_reason.setdefault(reason, []).append(row)
    for reason, same in by_reason.items():
        click.echo(click.style(f"{_count(len(same), 'row')}: {reason}", bold=True))
        names = list(dict.fromkeys(row.entry.registry for row in same if row.entry.registry))
        click.echo(f"  {', '.join(names) or 'bench list systems says why'}")


def _print_batch(wish: Wish, batch: Batch, command: str) -> None:
    titles = dict.fromkeys(f"{row.protocol.title} ({data_of(row.protocol)})" for row, _ in batch.rows)
    click.echo(click.style("; ".join(titles), bold=True))
    click.echo(f"  {command}")
    width = max(len(spec) for spec in batch.specs)
    for row, spec in batch.rows:
        shown = texts(row.catalog, row.entry)
        values = ", ".join(shown[name] for name in wish.metrics_of(row, batch.preset))
        click.echo(f"  {spec:<{width}}  {values}  ({row.entry.source})")
    lacking = list(dict.fromkeys(spec.partition("@")[0] for spec in batch.specs if parse(spec).lacking()))
    if lacking:
        click.echo(f"  not on this machine, fetched when measured, or now: bench fetch {' '.join(lacking)}")


def _data_hint(batch: Batch) -> str:
    """A path for --data that shows what lies there."""
    for name, splits in batch.data.items():
        return "/".join((name, *sorted(splits)[:1])).replace(" ", "-").lower()
    return "PATH"


def _records(wish: Wish, batches: Sequence[Batch], reasons: Mapping[Row, str]) -> list[dict[str, Any]]:
    commands = {
        row: shlex.join(["bench", "reproduce", spec, "--data", "PATH"]) for batch in batches for row, spec in batch.rows
    }
    return [
        {
            "subject": row.subject,
            "system": row.entry.system,
            "registry": row.entry.registry,
            "protocol": row.entry.protocol,
            "presets": wish.presets_of(row),
            "source": row.entry.source,
            "link": row.link,
            "reported": {name: number(value) for name, value in row.entry.values.items() if wish.counts(name)},
            "unstated": list(row.catalog.silences(row.entry.protocol, *row.entry.values)),
            "command": commands.get(row),
            "lacking": parse(wish.spec(row)).lacking() if row in commands else None,
            "reason": reasons.get(row),
        }
        for row in wish.rows
    ]
