"""The rows of the pages of reported numbers: each with what was measured of it, or why nothing was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.contracts.results import Result
from bench.leaderboard.ledger import Line, Row, hindrance, lines, summary
from bench.leaderboard.table import Table
from bench.reported.model import Catalog


@dataclass(frozen=True)
class Entry:
    """One reported system on its page.

    Attributes:
        row: the system and its source.
        lines: its numbers by metric.
    """

    row: Row
    lines: Mapping[str, Line]

    @property
    def measured(self) -> list[Line]:
        """The numbers that were measured."""
        return [line for line in self.lines.values() if line.measured]

    @property
    def state(self) -> str:
        """Why nothing was measured, as a phrase."""
        reasons = dict.fromkeys(line.verdict.reason for line in self.lines.values())
        return next(iter(reasons)) if len(reasons) == 1 else "not measured"


@dataclass(frozen=True)
class Ledger:
    """All reported numbers beside the results of a site."""

    by_system: Mapping[str, Sequence[Result]]

    @classmethod
    def of(cls, tables: Iterable[Table]) -> Ledger:
        """The ledger of the results that tables show."""
        by_system: dict[str, list[Result]] = defaultdict(list)
        for table in tables:
            for shown in table.rows:
                by_system[shown.result.system.name] += [shown.result, *shown.others]
        return cls(by_system)

    def entries(self, subject: str, catalog: Catalog, protocol: str) -> list[Entry]:
        """Return the systems reported under one protocol, in the file's order."""
        shown = []
        for entry in catalog.of(protocol):
            row = Row(subject, catalog, entry)
            results = [result for result in self.by_system.get(entry.registry or "", ()) if row.is_met_by(result)]
            elsewhere = "measured under other protocols only" if entry.registry in self.by_system else "not measured"
            found = lines(row, results, hindrance(row) or elsewhere)
            shown.append(Entry(row, {line.metric: line for line in found}))
        return shown

    def summary(self, subject: str, catalog: Catalog) -> dict[str, int]:
        """Count the numbers of a file by verdict."""
        return summary(
            line
            for protocol in catalog.protocols
            for entry in self.entries(subject, catalog, protocol)
            for line in entry.lines.values()
        )
