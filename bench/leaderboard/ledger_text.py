"""The ledger as text: a section per protocol, a paragraph per source's row, a line per number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from bench.leaderboard.ledger import Line, Row, summary
from bench.reported.model import NONE, ReportedProtocol

TITLES = ("metric", "reported", "measured", "difference", "verdict")


def text(lines: Sequence[Line]) -> str:
    """Return the lines for people; rows under one protocol stand together, in the order of the catalogue."""
    measured = [line for line in lines if line.measured]
    table = _aligned([TITLES, *(_cells(line) for line in measured)])
    shown = dict(zip(map(id, measured), table[1:], strict=True))
    parts = []
    for row, same in groupby(lines, key=lambda line: line.row):
        heading = f"{row.entry.system} ({', '.join(filter(None, (row.entry.registry, row.entry.source)))})"
        body = []
        for verdict, alike in groupby(same, key=lambda line: shown.get(id(line)) or str(line.verdict)):
            numbers = [f"{line.fact.title} {line.reported}" for line in alike if not line.measured]
            body.append(f"{', '.join(numbers)}: {verdict}" if numbers else verdict)
        parts.append((row, [f"  {heading}", *(f"    {line}" for line in body)]))
    sections = []
    for (_, title), group in groupby(parts, key=lambda part: (part[0].entry.protocol, part[0].protocol.title)):
        paragraphs = list(group)
        sections.append(
            "\n".join([title, f"  {stated(paragraphs[0][0])}", *(line for _, body in paragraphs for line in body)])
        )
    counts = ", ".join(f"{kind}: {count}" for kind, count in summary(lines).items())
    head = [f"    {table[0]}"] if measured else []
    return "\n".join([*head, *sections, counts]) + "\n"


def stated(row: Row) -> str:
    """What the protocol of a row is, as far as its source states it, on one line."""
    protocol = row.protocol
    preset = f"preset {protocol.match.preset}" if protocol.match else "" if protocol.exact else "no preset follows it"
    return "; ".join(filter(None, (data_of(protocol), _said(protocol.resolution), preset))) or "nothing is stated"


def data_of(protocol: ReportedProtocol) -> str:
    """The data set, split and number of samples of a protocol, with what is not stated."""
    if protocol.exact:
        return "any samples"
    name = protocol.dataset or "data set not named"
    count = f"N={protocol.n}" if protocol.n else "N not stated"
    return f"{' '.join(filter(None, (name, _said(protocol.split))))}, {count}"


def _said(field: str) -> str:
    """A field of a protocol, empty where it does not apply."""
    return "" if field == NONE else field


def _cells(line: Line) -> tuple[str, ...]:
    unit = line.fact.unit
    verdict = "; ".join(filter(None, (str(line.verdict), line.remark)))
    return line.fact.title, f"{line.reported} {unit}".strip(), str(line.measured), line.difference, verdict


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
