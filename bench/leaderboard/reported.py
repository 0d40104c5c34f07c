"""Reported numbers beside a table: within it where they share its protocol, otherwise apart from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bench.leaderboard.digits import fixed, signed
from bench.leaderboard.table import Column, Row, Table
from bench.reported.model import Catalog, Match, ReportedProtocol, ReportedSystem, catalogs
from bench.reported.verdicts import decimals

MOST_DECIMALS = 4


@dataclass(frozen=True)
class ReportedRow:
    """One reported system under a table's protocol.

    Attributes:
        entry: the system as its source reports it.
        link: address of its source; empty if none is known.
        values: by the bench's metric, in the unit that the table shows.
        differences: measured minus reported, where the table has the same system.
    """

    entry: ReportedSystem
    link: str
    values: Mapping[str, str]
    differences: Mapping[str, str]


@dataclass(frozen=True)
class Elsewhere:
    """Numbers reported for a measured system under another protocol, to which no difference is taken."""

    catalog: str
    entry: ReportedSystem
    link: str
    protocol: ReportedProtocol
    values: tuple[str, ...]


def beside(table: Table) -> list[ReportedRow]:
    """Return the reported systems whose protocol matches the table's, in the order of the files."""
    rows = []
    for catalog in catalogs().values():
        for name, protocol in catalog.protocols.items():
            if protocol.match and protocol.match.fits(table.protocol):
                rows += [row for entry in catalog.of(name) if (row := _row(table, catalog, entry, protocol.match))]
    return rows


def elsewhere(table: Table, row: Row) -> list[Elsewhere]:
    """Return what papers report for the system of a row under protocols other than the table's."""
    reported = []
    for name, catalog in catalogs().items():
        for entry in catalog.systems:
            protocol = catalog.protocols[entry.protocol]
            same = protocol.match and protocol.match.fits(table.protocol)
            if entry.registry == row.result.system.name and not same:
                values = tuple(texts(catalog, entry).values())
                reported.append(Elsewhere(name, entry, catalog.link(entry), protocol, values))
    return reported


def _is_of(table: Table, column: Column, preset: str) -> bool:
    """Whether any row measured a column under a preset."""
    sources = (row.cells[column.metric].result for row in table.rows if column.metric in row.cells)
    return any(source is not None and source.protocol.preset == preset for source in sources)


def texts(catalog: Catalog, entry: ReportedSystem) -> dict[str, str]:
    """Return title, value and unit of each reported metric as text, by its name in the file."""
    shown = {}
    for name, value in entry.values.items():
        fact = catalog.metrics[name]
        shown[name] = f"{fact.title} {number(value, name in entry.approximate)} {fact.unit}".strip()
    return shown


def number(value: Decimal, approximate: bool = False) -> str:
    """Write a reported number with the digits of its source, after ≈ if it is approximate."""
    return f"{'≈' if approximate else ''}{value:f}"


def difference(measured: float, value: Decimal) -> str:
    """Write a measured number minus a reported one, with one digit more than reported and its sign."""
    return signed(fixed(measured - float(value), min(decimals(value) + 1, MOST_DECIMALS)))


def _row(table: Table, catalog: Catalog, entry: ReportedSystem, match: Match) -> ReportedRow | None:
    same = next((row for row in table.rows if row.result.system.name == entry.registry and not row.failed), None)
    values, differences = {}, {}
    for name, value in entry.values.items():
        metric, preset = catalog.value_of(entry.protocol, name), match.preset_of(name)
        of_preset = (c for c in table.columns if c.kind.value == metric and _is_of(table, c, preset))
        column = next(of_preset, None)
        if column is None:
            continue
        values[column.metric] = number(value, name in entry.approximate)
        cell = same.cells[column.metric] if same else None
        if cell and cell.estimate and cell.estimate.value is not None:
            differences[column.metric] = difference(cell.estimate.value * column.scale, value)
    return ReportedRow(entry, catalog.link(entry), values, differences) if values else None
