"""Reported numbers beside a table: in it where its protocol is theirs, else apart from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bench.leaderboard.digits import fixed
from bench.leaderboard.table import Column, Row, Table
from bench.reported.model import Catalog, ReportedProtocol, ReportedSystem, catalogs

MOST_DECIMALS = 4


@dataclass(frozen=True)
class ReportedRow:
    """One reported system under a table's protocol.

    Attributes:
        link: address of its source, empty if none is known.
        values: by the bench's metric, in the unit that the table shows.
        differences: measured less reported, where the table has the same system.
    """

    entry: ReportedSystem
    link: str
    values: Mapping[str, str]
    differences: Mapping[str, str]


@dataclass(frozen=True)
class Elsewhere:
    """What is reported of a measured system under other protocols, which no difference is taken to."""

    catalog: str
    entry: ReportedSystem
    link: str
    protocol: ReportedProtocol
    values: tuple[str, ...]


def beside(table: Table) -> list[ReportedRow]:
    """The reported systems that were measured as the table says, best known first as the files have them."""
    rows = []
    for catalog in catalogs().values():
        for name, protocol in catalog.protocols.items():
            if protocol.match and protocol.match.fits(table.protocol):
                preset = protocol.match.preset
                rows += [found for entry in catalog.of(name) if (found := _row(table, catalog, entry, preset))]
    return rows


def elsewhere(table: Table, row: Row) -> list[Elsewhere]:
    """What papers report of the system of a row, under other protocols than the table's."""
    found = []
    for name, catalog in catalogs().items():
        for entry in catalog.systems:
            protocol = catalog.protocols[entry.protocol]
            same = protocol.match and protocol.match.fits(table.protocol)
            if entry.registry == row.result.system.name and not same:
                found.append(
                    Elsewhere(name, entry, catalog.link(entry), protocol, tuple(texts(catalog, entry).values()))
                )
    return found


def _is_of(table: Table, column: Column, preset: str) -> bool:
    """Whether any row has a column as a preset has it measured."""
    sources = (row.cells[column.metric].result for row in table.rows if column.metric in row.cells)
    return any(source is not None and source.protocol.preset == preset for source in sources)


def texts(catalog: Catalog, entry: ReportedSystem) -> dict[str, str]:
    """Title, value and unit of each reported metric, by its name in the file."""
    found = {}
    for name, value in entry.values.items():
        fact = catalog.metrics[name]
        found[name] = f"{fact.title} {number(value, name in entry.approximate)} {fact.unit}".strip()
    return found


def number(value: Decimal, approximate: bool = False) -> str:
    """A reported number with the digits that it was reported with."""
    return f"{'≈' if approximate else ''}{value}"


def _row(table: Table, catalog: Catalog, entry: ReportedSystem, preset: str) -> ReportedRow | None:
    shown = {column.kind.value: column for column in table.columns if _is_of(table, column, preset)}
    same = next((row for row in table.rows if row.result.system.name == entry.registry and not row.failed), None)
    values, differences = {}, {}
    for name, value in entry.values.items():
        column = shown.get(catalog.metrics[name].metric)
        if column is None:
            continue
        values[column.metric] = number(value, name in entry.approximate)
        cell = same.cells[column.metric] if same else None
        if cell and cell.estimate and cell.estimate.value is not None:
            decimals = len(str(value).partition(".")[2])
            measured = cell.estimate.value * column.scale
            difference = fixed(measured - float(value), min(decimals + 1, MOST_DECIMALS))
            differences[column.metric] = difference if difference.startswith("-") else f"+{difference}"
    return ReportedRow(entry, catalog.link(entry), values, differences) if values else None
