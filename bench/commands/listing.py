"""`bench list` and `bench show`: what there is, without importing what it points to."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bench import registry
from bench.commands.bottleneck_facts import FACTS as BOTTLENECK_FACTS
from bench.commands.kinds import KINDS as LISTED
from bench.commands.result_text import print_result
from bench.commands.tokenizer_facts import tokenizer_facts
from bench.contracts.suite import read_yaml, shipped
from bench.contracts.system import parse
from bench.errors import BenchError, UnknownName
from bench.machine.extras import install
from bench.machine.weights import FILES
from bench.registry import KINDS, Entry

ANY = "any modality"
PLUGINS = "plug-ins"
"""The heading for plug-ins: their classes state the modality, and a list does not import them."""
_OF_CONTINUATIONS = re.compile(r"_(continuation|tokenized|model_loss)$")
"""What tasks append to a value's name, for continuations, clips through the tokenizer, and their difference."""


def print_list(kind: str | None, style: str) -> None:
    """Print the names of one kind, or of all kinds, with a line on each; as JSON if ``style`` is ``json``.

    Systems that surveys name are no names of the bench's: :func:`bench.commands.surveyed.print_systems` lists them.
    """
    rows = {listed: _rows(listed) for listed in ([kind] if kind else LISTED) if listed != "systems"}
    if style == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    for listed, lines in rows.items():
        if kind is None:
            click.echo(click.style(listed, bold=True))
        for modality, names in _by_modality(listed, lines).items():
            if modality:
                click.echo(click.style(f" {modality}", bold=True))
            _print_lines({name: lines[name] for name in names})


def _print_lines(lines: dict[str, str]) -> None:
    width = max((len(name) for name in lines), default=0)
    for name, summary in lines.items():
        room = max(40, shutil.get_terminal_size().columns - width - 4) if sys.stdout.isatty() else 10_000
        first, *more = textwrap.wrap(summary, room) or [""]
        click.echo(f"  {name:<{width}}  {first}")
        for line in more:
            click.echo(f"  {'':<{width}}  {line}")


def _by_modality(kind: str, names: Iterable[str]) -> dict[str, list[str]]:
    """The names by the modality that each is for; under an empty heading where all are for the same."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_modality(kind, name), []).append(name)
    return groups if len(groups) > 1 else {"": list(names)}


def _modality(kind: str, name: str) -> str:
    """What a name is for: ``image``, ``audio``, or ``any modality``."""
    if kind in ("suites", "weights", "tasks", "modalities", "quantizers"):
        return ""  # there are few, and their summaries say it
    if kind == "protocols":
        metrics = read_yaml(shipped(kind)[name]).get("metrics") or {}
        modalities = {modality for metric in metrics for modality in registry.get("metrics", metric).modalities}
        return ", ".join(sorted(modalities)) or ANY
    entry: Entry = registry.entries(kind)[name]  # type: ignore[index]
    return entry.scope or (PLUGINS if entry.plugin else ANY)


def _rows(kind: str) -> dict[str, str]:
    if kind in ("suites", "protocols"):
        return {name: read_yaml(file).get("description", "") for name, file in shipped(kind).items()}
    if kind == "weights":
        return {name: f"for {', '.join(registry.users(name))} ({file.license})" for name, file in FILES.items()}
    return {name: _summary(entry) for name, entry in registry.entries(kind).items()}  # type: ignore[arg-type]


def _summary(entry: Entry) -> str:
    marks = [entry.tokens]
    if entry.weights:
        marks += [f"needs {', '.join(entry.weights)}", f"license: {entry.license}" if entry.license else ""]
    if entry.extra:
        marks.append(f"extra {entry.extra}")
    marks = [mark for mark in marks if mark]
    return f"{entry.summary} ({'; '.join(marks)})" if marks else entry.summary


def print_entry(name: str) -> None:
    """Print everything known about a name, or the result in a file.

    Raises:
        UnknownName: nothing has that name.
    """
    if name.endswith(".json") and Path(name).is_file():
        print_result(Path(name))
        return
    os.environ["HF_HUB_OFFLINE"] = "1"  # looking up a name must not download gigabytes
    found = False
    for kind in ("suites", "protocols"):
        if name in shipped(kind):
            click.echo(f"{kind.removesuffix('s')} {name}")
            click.echo(textwrap.indent(shipped(kind)[name].read_text(encoding="utf-8").rstrip(), "  "))
            found = True
    if name in FILES:
        _print_fields(f"weights {name}", {**asdict(FILES[name]), "used_by": ", ".join(registry.users(name))})
        found = True
    base = _base(name)
    for kind in KINDS:
        if base in registry.entries(kind):
            _print_registered(kind, name, base)
            found = True
    for metric in [] if found else _metrics_that_give(name):
        _print_registered("metrics", metric, metric)
        found = True
    if not found and not _print_surveyed(name):
        kinds: dict[str, Collection[str]] = {registry.singular(kind): registry.entries(kind) for kind in KINDS}
        kinds |= {"suite": shipped("suites"), "protocol": shipped("protocols"), "weights file": FILES}
        kinds |= _surveyed()
        raise UnknownName.among(_base(name), kinds, _remark_on_task_value(name))


def _print_surveyed(name: str) -> bool:
    """Print what is known of a name that surveys or papers use; whether anything is."""
    from bench.commands.surveyed import print_named  # reads hundreds of lines that names of the bench do not need

    return print_named(name)


def _surveyed() -> dict[str, Collection[str]]:
    """The names that surveys and papers use, by kind."""
    from bench.reported.model import catalogs
    from bench.reported.systems import surveyed

    return {
        "surveyed system": {found.entry.system for found in surveyed()},
        "reported system": {row.system for catalog in catalogs().values() for row in catalog.systems},
    }


def _metrics_that_give(value: str) -> list[str]:
    """The metrics that give a value by that name, or by its title in tables."""
    from bench.leaderboard.names import called

    metrics = registry.entries("metrics")
    values = [_OF_CONTINUATIONS.sub("", name) for name in (value.casefold(), *called(value))]
    candidates = dict.fromkeys(name for giving in values for name in (giving, *registry.givers(giving)))
    return [name for name in candidates if name in metrics]


def _remark_on_task_value(value: str) -> str:
    """The remark on a value in tables that no metric gives; empty if tables have no value of that name."""
    from bench.leaderboard.names import called, heading

    values = registry.values()
    titles = [heading(name).title for name in (value.casefold(), *called(value)) if name in values]
    return f"{titles[0]} in tables is a value that tasks give, not a metric (bench list tasks)" if titles else ""


def _base(name: str) -> str:
    """The name of a spec, without its arguments."""
    return name.partition("@")[0].partition("=")[0]


def _print_registered(kind: registry.Kind, name: str, base: str) -> None:
    try:
        entry = registry.get(kind, base)
    except BenchError as error:  # a plug-in that says too little about itself
        _print_fields(f"{registry.singular(kind)} {name}", {"not loadable here": str(error)})
        return
    fields: dict[str, Any] = {**asdict(entry), "weights": ", ".join(entry.weights), "modality": entry.scope}
    fields.pop("plugin")
    fields.pop("values")  # the class has them even where a line does not
    fields["extra"] = f"{entry.extra}; run: {install(entry.extra)}" if entry.extra else ""
    fields.pop("name")
    fields["args"] = {key: value for key, value in entry.args.items() if key != "config"}
    if kind != "metrics":
        fields.pop("judges")
    if not fields.pop("local"):
        fields["local checkpoint"] = ""
    else:
        fields["local checkpoint"] = f"{entry.name}=PATH"
    try:
        fields |= _facts(kind, name, entry)
    except BenchError as error:
        fields["not loadable here"] = str(error)
    _print_fields(f"{registry.singular(kind)} {name}", fields)


def _facts(kind: registry.Kind, name: str, entry: Entry) -> dict[str, Any]:
    """What only the class of an entry knows (imports it)."""
    if kind == "tokenizers":
        return tokenizer_facts(name)
    if kind == "backbones" and entry.local:
        return _backbone_facts(name)
    if kind == "backbones":
        return {"to train it": f"probe: {{paradigm: {entry.name}}} in a --protocol file; see bench show ntp-probe"}
    if kind == "metrics":
        return _metric_facts(entry)
    if kind == "datasets":
        return _defaults(entry)
    if kind == "tasks":
        return _task_facts(entry)
    if kind in BOTTLENECK_FACTS:
        return BOTTLENECK_FACTS[kind](name)
    if kind == "modalities":
        return {name: value for name, value in vars(registry.load(entry.target)).items() if value}
    own = getattr(registry.load(entry.target), "facts", None)
    return own(name) if own else {}


def _backbone_facts(name: str) -> dict[str, Any]:
    """What a pretrained backbone takes and how it samples; its weights, often many gigabytes, are not loaded."""
    spec = parse(name)
    facts: dict[str, Any] = {"arguments": spec.resolved()}
    kind = registry.load(spec.entry.target)
    if sampling := getattr(kind, "recommended", None):
        facts["sampling"] = asdict(sampling)
    facts["condition"] = getattr(kind, "wants", "")
    facts["likelihood"] = getattr(kind, "bound", "") or "exact"
    return facts


def _metric_facts(entry: Entry) -> dict[str, Any]:
    kind = registry.load(entry.target)
    facts: dict[str, Any] = {"version": kind.version}
    facts |= _settings("setting", kind.Settings)
    for name, value in kind.outputs.items():
        if not value.always:
            continue
        better = {True: "higher is better", False: "lower is better", None: "no direction"}[value.higher_is_better]
        facts[f"value {name}"] = (
            f"{better}; unit: {value.unit or 'none'}; range {value.bounds[0]:g} to {value.bounds[1]:g}"
        )
    return facts


def _defaults(entry: Entry) -> dict[str, Any]:
    """What a protocol's ``preprocessing`` may set, with the defaults."""
    return _settings("preprocessing", registry.load(entry.target).defaults)


def _task_facts(entry: Entry) -> dict[str, Any]:
    """What a protocol may set besides preprocessing and metrics, which data sets and metrics describe themselves."""
    from bench.contracts.task import open_task

    choices = getattr(open_task(entry.name), "choices", None)
    fields = choices.model_fields if choices else {}
    sections = {name: field.default for name, field in fields.items() if hasattr(field.default, "model_fields")}
    return {key: value for name, section in sections.items() for key, value in _nested(name, section).items()}


def _nested(section: str, chosen: Any) -> dict[str, Any]:
    """As :func:`_settings`, with nested sections under their dotted names."""
    facts: dict[str, Any] = {}
    for name in type(chosen).model_fields:
        value = getattr(chosen, name)
        if hasattr(value, "model_fields"):
            facts |= _nested(f"{section}.{name}", value)
        else:
            facts[f"setting {section}.{name}"] = _settings("", chosen)[f" {name}"]
    return facts


def _settings(kind: str, settings: Any) -> dict[str, Any]:
    """Each field of a pydantic model with its default, or the value of an instance, and what it means."""
    chosen = settings() if isinstance(settings, type) else settings
    stated = chosen.model_dump(mode="json")
    return {
        f"{kind} {name}": "; ".join(filter(None, (_text(stated[name]), field.description)))
        for name, field in type(chosen).model_fields.items()
    }


def _text(value: Any) -> str:
    """A value as YAML on one line."""
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or not value else value


def _print_fields(title: str, fields: dict[str, Any]) -> None:
    click.echo(title)
    width = max(18, *(len(name) for name in fields))
    for name, value in fields.items():
        if value in ("", None, {}, (), []):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key}={item}" for key, item in value.items())
        first, *more = value if isinstance(value, list) else [value]
        click.echo(f"  {name:<{width}} {first}")
        for item in more:
            click.echo(f"  {'':<{width}} {item}")
