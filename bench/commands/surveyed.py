"""`bench list systems`, and `bench show` of a name that surveys or papers use."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import Any

import click

from bench import registry
from bench.errors import BenchError
from bench.reported.model import catalogs
from bench.reported.systems import State, Surveyed, called, counts, surveyed


def print_systems(style: str, state: State | None, section: str | None, modality: str | None) -> None:
    """Print the systems that surveys name, by section, with what the bench has of each.

    Args:
        state: only those in this state.
        section: only those of sections whose title contains this text.
        modality: only those of sections about this modality.

    Raises:
        BenchError: there are none of that section or modality.
    """
    shown = chosen(state, section, modality)
    if style == "json":
        click.echo(json.dumps({"systems": [_record(found) for found in shown]}, indent=1, ensure_ascii=False))
        return
    for survey, of_survey in groupby(shown, key=lambda found: found.survey):
        click.echo(click.style(f"{survey.survey} ({survey.authors})", bold=True))
        for part, same in groupby(of_survey, key=lambda found: found.section):
            click.echo(click.style(f" {part.title}", bold=True))
            entries = list(same)
            width = max(len(found.entry.system) for found in entries)
            for found in entries:
                click.echo(f"  {found.entry.system:<{width}}  {found.entry.state:<9}  {how(found)}")
    click.echo(counts(shown))


def chosen(state: State | None, section: str | None, modality: str | None) -> list[Surveyed]:
    """The entries that filters leave.

    Raises:
        BenchError: there are none of that section or modality.
    """
    every = list(surveyed())
    left = [
        found
        for found in every
        if (not section or section.casefold() in found.section.title.casefold())
        and (not modality or modality.casefold() in re.split(r",\s*", found.section.modality))
    ]
    if not left:
        named = sorted({name for found in every for name in re.split(r",\s*", found.section.modality)})
        raise BenchError(
            f"no section of the surveys has this title and modality; bench list systems shows the titles, the "
            f"modalities are {', '.join(named)}"
        )
    return [found for found in left if not state or found.entry.has(state)]


def how(found: Surveyed) -> str:
    """How a system runs, where it is reported, and what is missing, on one line."""
    entry = found.entry
    rows = ", ".join(f"{subject} ({count})" for subject, count in found.rows().items())
    parts = {"": ", ".join(entry.loads), "method: ": ", ".join(entry.method), "reported: ": rows, " ": entry.why}
    return "; ".join(f"{label.strip(' ') and label}{text}" for label, text in parts.items() if text)


def print_named(name: str) -> bool:
    """Print what is known of a name that surveys or papers use; whether anything is."""
    from bench.leaderboard.reported import texts  # numpy, which a list does not need

    entries = called(name)
    for found in entries:
        entry = found.entry
        fields = {
            "survey": f"{found.survey.survey} ({found.survey.authors})",
            "section": found.section.title,
            "references": entry.refs,
            "state": entry.state,
            "loads": ", ".join(entry.loaded_as(_registered())),
            "method": ", ".join(entry.method),
            "note": entry.why,
        }
        _print_fields(f"system {entry.system}", fields)
    words = name.casefold()
    rows = [
        (catalog, system)
        for catalog in catalogs().values()
        for system in catalog.systems
        if system.system.casefold() == words or any(found.entry.is_reported_as(system) for found in entries)
    ]
    for catalog, system in rows:
        protocol = catalog.protocols[system.protocol]
        values = ", ".join(texts(catalog, system).values())
        again = f"bench reproduce {system.registry}" if system.registry and protocol.match else ""
        fields = {
            "values": values,
            "protocol": protocol.title,
            "source": " ".join(filter(None, (system.source, catalog.link(system)))),
            "note": system.note,
            "registry": system.registry or "",
            "measure it again": again,
        }
        _print_fields(f"reported {system.system}", fields)
    return bool(entries or rows)


def _registered() -> list[str]:
    """The names of all that an entry may load as."""
    kinds: tuple[registry.Kind, ...] = ("tokenizers", "backbones", "recognizers")
    return [name for kind in kinds for name in registry.entries(kind)]


def _print_fields(title: str, fields: dict[str, str]) -> None:
    click.echo(title)
    for name, text in fields.items():
        if text:
            click.echo(f"  {name:<18} {text}")


def _record(found: Surveyed) -> dict[str, Any]:
    entry = found.entry
    return {
        "survey": found.name,
        "section": found.section.title,
        "modality": found.section.modality,
        "system": entry.system,
        "references": entry.refs,
        "state": entry.state,
        "loads": entry.loaded_as(_registered()),
        "method": list(entry.method),
        "reported": found.rows(),
        "why": entry.why,
    }
