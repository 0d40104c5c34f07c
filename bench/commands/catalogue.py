"""`bench list` and `bench show`: what there is, without importing what it points to."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bench import registry
from bench.errors import BenchError, UnknownName
from bench.registry import KINDS, Entry
from bench.suite import read_yaml, shipped
from bench.system import parse
from bench.weights import FILES


def print_list(kind: str | None, style: str) -> None:
    """The names of one kind, or of all, with a line on each."""
    kinds = (
        [kind]
        if kind
        else ["tokenizers", "tasks", "suites", "protocols", "datasets", "metrics", "recognisers", "weights"]
    )
    rows = {one: _rows(one) for one in kinds}
    if style == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    for one, lines in rows.items():
        if kind is None:
            click.echo(click.style(one, bold=True))
        width = max((len(name) for name in lines), default=0)
        for name, summary in lines.items():
            room = max(40, shutil.get_terminal_size().columns - width - 4) if sys.stdout.isatty() else 10_000
            first, *more = textwrap.wrap(summary, room) or [""]
            click.echo(f"  {name:<{width}}  {first}")
            for line in more:
                click.echo(f"  {'':<{width}}  {line}")


def _rows(kind: str) -> dict[str, str]:
    if kind in ("suites", "protocols"):
        return {name: read_yaml(file).get("description", "") for name, file in shipped(kind).items()}
    if kind == "weights":
        return {name: f"for {file.used_by} ({file.licence})" for name, file in FILES.items()}
    return {name: _summary(entry) for name, entry in registry.entries(kind).items()}  # type: ignore[arg-type]


def _summary(entry: Entry) -> str:
    marks = [entry.tokens, f"needs {', '.join(entry.weights)}" if entry.weights else ""]
    if entry.extra:
        marks.append(f"pip install 'ntp-bench[{entry.extra}]'")
    marks = [mark for mark in marks if mark]
    return f"{entry.summary} ({'; '.join(marks)})" if marks else entry.summary


def print_entry(name: str) -> None:
    """Everything known of one name, or a result file for people."""
    if name.endswith(".json") and Path(name).is_file():
        _print_result(Path(name))
        return
    found = False
    for kind in ("suites", "protocols"):
        if name in shipped(kind):
            click.echo(f"{kind.removesuffix('s')} {name}")
            click.echo(textwrap.indent(shipped(kind)[name].read_text(encoding="utf-8").rstrip(), "  "))
            found = True
    if name in FILES:
        _print_fields(f"weights {name}", asdict(FILES[name]))
        found = True
    base = name.partition("@")[0].partition("=")[0]
    for kind in KINDS:
        if base in registry.entries(kind):
            _print_registered(kind, name, registry.get(kind, base))
            found = True
    if not found:
        known = [
            *shipped("suites"),
            *shipped("protocols"),
            *FILES,
            *(n for kind in KINDS for n in registry.entries(kind)),
        ]
        raise UnknownName("thing", name, known)


def _print_registered(kind: str, name: str, entry: Entry) -> None:
    fields: dict[str, Any] = {**asdict(entry), "weights": ", ".join(entry.weights)}
    fields["extra"] = f"pip install 'ntp-bench[{entry.extra}]'" if entry.extra else ""
    fields.pop("name")
    if not fields.pop("local"):
        fields["local checkpoint"] = ""
    else:
        fields["local checkpoint"] = f"{entry.name}=PATH"
    if kind == "tokenizers":
        fields |= _tokenizer_facts(name, entry)
    if kind == "metrics":
        fields |= _metric_facts(entry)
    if kind == "datasets":
        fields |= _defaults(entry)
    _print_fields(f"{kind.removesuffix('s')} {name}", fields)


def _tokenizer_facts(name: str, entry: Entry) -> dict[str, Any]:
    """Arguments, and codebooks and rate where they are known without the checkpoint."""
    try:
        spec = parse(name)
        facts: dict[str, Any] = {"arguments": spec.resolved()}
        codebooks = spec.build().codebooks
    except BenchError as error:
        return {"not loadable here": str(error)}
    if codebooks:
        facts["codebooks"] = ", ".join(f"{book.size} entries a code of {book.covers}" for book in codebooks)
        covers = {book.covers for book in codebooks}
        if len(covers) == 1:
            facts["rate"] = f"{sum(book.bits for book in codebooks):g} bits for {covers.pop()}"
    return facts


def _metric_facts(entry: Entry) -> dict[str, Any]:
    kind = registry.load(entry.target)
    facts: dict[str, Any] = {"version": kind.version, "settings": kind.Settings().model_dump(mode="json")}
    for name, fact in kind.outputs.items():
        better = {True: "higher is better", False: "lower is better", None: "no direction"}[fact.higher_is_better]
        facts[f"value {name}"] = (
            f"{better}; unit: {fact.unit or 'none'}; range {fact.bounds[0]:g} to {fact.bounds[1]:g}"
        )
    return facts


def _defaults(entry: Entry) -> dict[str, Any]:
    return {"preprocessing": registry.load(entry.target).defaults.model_dump(mode="json")}


def _print_fields(title: str, fields: dict[str, Any]) -> None:
    click.echo(title)
    for name, value in fields.items():
        if value in ("", None, {}, ()):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key}={item}" for key, item in value.items())
        click.echo(f"  {name:<18} {value}")


def _print_result(file: Path) -> None:
    from bench.results import read_result

    result = read_result(file)
    click.echo(f"{result.system.name}: {result.status}, {result.finished}")
    click.echo(f"  {result.protocol.line()}")
    for name, estimate in result.metrics.items():
        if estimate.value is None:
            click.echo(f"  {name:<34} - ({estimate.unavailable})")
            continue
        interval = f" [{estimate.interval[0]:.6g}, {estimate.interval[1]:.6g}]" if estimate.interval else ""
        note = f"  ({estimate.note})" if estimate.note else ""
        click.echo(f"  {name:<34} {estimate.value:.6g}{interval} {estimate.unit}{note}")
    for error in result.errors:
        click.echo(error.traceback or f"{error.type}: {error.message}")
